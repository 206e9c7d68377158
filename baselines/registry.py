"""The registry: what can be trained (`METHODS`), and what it is compared with (`LINES`)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pkgutil import resolve_name
from typing import Any, Literal

from baselines import hyperparameters as tuned
from trm_agents import presets
from trm_envs.plan_edit.task import LegalActions

ObservationKind = Literal["dict", "one_hot"]


@dataclass(frozen=True)
class Method:
    """One trainable row, as data (JSON-serialisable by `dataclasses.asdict`)."""

    name: str
    algorithm: str
    """Import path `module:class` of an SB3-style algorithm; resolved only when a model is made."""
    policy: str
    """Name of a policy that the algorithm knows, or the import path `module:class` of one."""
    observation: ObservationKind
    """The environment's own dictionary, or the same facts one-hot and flat."""
    n_envs: int
    """Episodes collected at once."""
    hyperparameters: Mapping[str, Any]
    """Keywords of the algorithm. The discount is not among them: `make` takes that of the environment's shaping."""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Keywords that replace the ones above where the environment id starts with the key."""
    masks: bool = False
    """Whether the method is given action masks."""
    legal_actions: LegalActions | None = None
    """Legal-action level that the row asks of the environment; None leaves it as it is."""
    resumes_exactly: bool = False
    """Whether a loaded model continues training as if it had never stopped: it saves environment and generators."""
    network: Mapping[str, Any] | None = None
    """Keywords of the recursive network of a policy of `baselines.backbone`; None for other policies."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of the training environment alone: models are scored without them."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that replace those above on every environment; dots lead into a keyword that is a mapping itself."""

    def hyperparameters_for(self, env_id: str) -> dict[str, Any]:
        """Keywords of the algorithm on this environment."""
        merged = presets.overridden(self.hyperparameters, self.overrides, env_id)
        for setting, value in self.changes.items():
            *parents, key = setting.split(".")
            inner = merged
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[key] = value
        return merged

    def env_kwargs_for(self, env_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Keywords of the environment, with the legal-action level of this row."""
        level = {} if self.legal_actions is None else {"legal_actions": self.legal_actions}
        return {**env_kwargs, **level}

    def with_settings(self, settings: Mapping[str, Any]) -> Method:
        """The row with other settings.

        Args:
            settings: keywords of the algorithm, `env.KEY` of the training environment alone, `network.KEY` of the
                recursive network. Dots lead into keywords that are mappings:
                `policy_kwargs.optimizer_kwargs.weight_decay`.

        Raises:
            ValueError: the row has no network of its own.
        """
        changes, parts = dict(self.changes), {"env": dict(self.training), "network": dict(self.network or {})}
        for setting, value in settings.items():
            first, _, rest = setting.partition(".")
            if rest and first in parts:
                parts[first][rest] = value
            else:
                changes[setting] = value
        if parts["network"] and self.network is None:
            raise ValueError(
                f"{self.name!r} has no settings of a network: leave out network.{next(iter(parts['network']))}"
            )
        network = None if self.network is None else parts["network"]
        return replace(self, changes=changes, training=parts["env"], network=network)

    def known_settings(self) -> set[str]:
        """Keywords that the algorithm takes; resolving it needs torch."""
        return set(inspect.signature(resolve_name(self.algorithm).__init__).parameters) - {"self", "policy", "env"}


@dataclass(frozen=True)
class Line:
    """One reference line: an agent that does not learn."""

    name: str
    agent: str
    """Import path of what builds the `Agent` from (mdp, rng)."""
    puzzles: tuple[str, ...] = ()
    """Prefixes of the environment ids that it can play; empty means all."""

    def supports(self, env_id: str) -> bool:
        """Whether the line can play this environment."""
        return not self.puzzles or env_id.rpartition(":")[2].startswith(self.puzzles)


_PPO, _A2C, _DQN = (f"stable_baselines3:{name}" for name in ("PPO", "A2C", "DQN"))
_ACTOR_CRITIC = "baselines.backbone:RecursiveActorCriticPolicy"
_MASKABLE = "baselines.maskable_backbone:RecursiveMaskableActorCriticPolicy"
UPI_TRM, HINDSIGHT_TRM = "trm_agents:UPITRM", "trm_agents:HindsightTRM"
"""Import paths of our algorithms."""


def _ours(name: str) -> Method:
    """A row of one of our algorithms, with its preset."""
    hindsight = name.startswith("hindsight_trm")
    algorithm, policy, n_envs = (HINDSIGHT_TRM, "TokenPolicy", 50) if hindsight else (UPI_TRM, "TRMPolicy", 16)
    return Method(name, algorithm, policy, "dict", n_envs, *presets.PRESETS[name], resumes_exactly=True)


def _maskable(
    name: str, legal_actions: LegalActions, policy: str, hyperparameters: Mapping[str, Any], **more: Any
) -> Method:
    """A row of MaskablePPO at a legal-action level: flat observations for an MLP, the dictionary for our network."""
    observation: ObservationKind = "one_hot" if policy == "MlpPolicy" else "dict"
    algorithm = "sb3_contrib:MaskablePPO"
    return Method(
        name, algorithm, policy, observation, 16, hyperparameters, masks=True, legal_actions=legal_actions, **more
    )


class Methods(dict[str, Method]):
    """Rows by name. `NAME@SETTING=VALUE@...` is the row NAME with other settings, see `Method.with_settings`."""

    def __missing__(self, name: str) -> Method:
        base, *settings = name.split("@")
        if base not in self.keys() or not settings:
            raise KeyError(name)
        row = self[base]
        changed = dict(map(_setting, settings))
        known = row.known_settings()
        if unknown := [s for s in changed if not s.startswith(("env.", "network.")) and s.split(".")[0] not in known]:
            raise ValueError(f"{base!r} has no setting {unknown[0]!r}; known ones: {', '.join(sorted(known))}")
        return replace(row.with_settings(changed), name=name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.partition("@")[0])


def _setting(text: str) -> tuple[str, Any]:
    """`lipschitz=0.5` -> ("lipschitz", 0.5); what is no JSON is a string."""
    setting, equals, value = text.partition("=")
    if not setting or not equals:
        raise ValueError(f"a variant is like NAME@SETTING=VALUE, got {text!r} after the @")
    try:
        return setting, json.loads(value)
    except json.JSONDecodeError:
        return setting, value


METHODS = Methods(
    (row.name, row)
    for row in (
        _ours("hindsight_trm"),
        _ours("upi_trm"),
        _ours("upi_trm-exact"),
        _ours("stage0"),
        _ours("hindsight_trm-certified"),
        Method("ppo", _PPO, "MlpPolicy", "one_hot", 16, tuned.PPO),
        Method("a2c", _A2C, "MlpPolicy", "one_hot", 4, tuned.A2C),
        Method("dqn", _DQN, "MlpPolicy", "one_hot", 4, tuned.DQN, tuned.DQN_OVERRIDES),
        _maskable("maskable_ppo", "givens", "MlpPolicy", tuned.MASKABLE_PPO, training=tuned.MASKABLE_PPO_TRAINING),
        _maskable("maskable_ppo-consistent", "consistent", "MlpPolicy", tuned.PPO),
        Method("trm_ppo", _PPO, _ACTOR_CRITIC, "dict", 16, tuned.TRM_PPO, network=tuned.BACKBONE),
        Method("trm_a2c", _A2C, _ACTOR_CRITIC, "dict", 4, tuned.TRM_A2C, network=tuned.BACKBONE),
        Method(
            "trm_dqn",
            _DQN,
            "baselines.backbone:RecursiveDQNPolicy",
            "dict",
            4,
            tuned.TRM_DQN,
            network=tuned.BACKBONE,
        ),
        _maskable("trm_maskable_ppo", "givens", _MASKABLE, tuned.TRM_PPO, network=tuned.BACKBONE),
        _maskable("trm_maskable_ppo-consistent", "consistent", _MASKABLE, tuned.TRM_PPO, network=tuned.BACKBONE),
    )
)

LINES: dict[str, Line] = {
    row.name: row
    for row in (
        Line("random", "baselines.lines:RandomLegal"),
        Line("random_consistent", "baselines.lines:RandomConsistent"),
        Line("checker_greedy", "baselines.lines:CheckerGreedy"),
        Line("singles", "baselines.logic:singles_line", ("SudokuPlanEdit",)),
        Line("solver", "baselines.logic:solver_line", ("SudokuPlanEdit", "MazePlanEdit")),
    )
}


def method(name: str) -> Method:
    """The row of this name; see `Methods` for variants.

    Raises:
        ValueError: there is none, or it has no such setting.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known methods: {', '.join(METHODS)}")
    return METHODS[name]
