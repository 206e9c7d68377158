"""What is true of a method that is trained, in one row: `Method`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from baselines.agents import TOLERANCE, Agent, ModelAgent, Unroll, own_randomness, recursive_networks
from baselines.counters import COUNTS, count_gradient_steps, optimizers
from baselines.knowledge import Family, known_with
from baselines.line import Knowledge, Role, plays
from baselines.solvers import ModelSolver, Solver, SolverKind
from baselines.walking import Walking
from trm_agents import presets
from trm_agents.common.files import UNREADABLE
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import LegalActions

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

ObservationKind = Literal["dict", "one_hot"]
WALKS = ("MazeWalk", "OpenMazeWalk")
"""Prefixes of the environment ids whose edits are moves."""
GRAPHS = ("GraphColouringPlanEdit", "LightUpPlanEdit")
"""Prefixes of the environment ids with groups that come from the instance."""
UNWEIGHTED = (*WALKS, "SudokuPlace")
"""Prefixes of the environment ids whose checker has no weights to choose."""
ROW_NAME = "row_name"
"""Attribute by which a model, and so its file, says of which row it is."""


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
    family: Family = "baseline"
    """Which idea the method belongs to."""
    knows: tuple[Knowledge, ...] = ()
    """What it is given beside observations and rewards, in training or in play."""
    role: Role = "contestant"
    """A reference is trained too, with the seeds and steps of the others, and is no contestant."""
    colour: str = ""
    """Of its curves, `#rrggbb`; empty leaves the choice to the figure."""
    order: int = 0
    """Place among the references of a table."""
    compared: bool = False
    """Whether tables show the best contestant's difference to this reference."""
    masks: bool = False
    """Whether the method is given action masks."""
    legal_actions: LegalActions | None = None
    """Legal-action level that the row asks of the environment; None leaves it as it is."""
    resumes_exactly: bool = False
    """Whether a loaded model continues training as if it had never stopped: it saves environment and generators."""
    network: Mapping[str, Any] | None = None
    """Keywords of the recursive network of a policy of `baselines.backbone`; None for other policies."""
    walking: Walking | None = None
    """How it walks, where that differs; a row that has a `network` too plays everything else with that."""
    puzzles: tuple[str, ...] = ()
    """Prefixes of the environment ids that it can play; empty means all puzzles."""
    reads_cells: bool = False
    """Whether it reads an edit from the cell that it writes, and so cannot walk."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of the training environment alone: models are scored without them."""
    training_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """More of them, where the environment id starts with the key; `training` goes first."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that replace those above on every environment; dots lead into a keyword that is a mapping itself."""

    def hyperparameters_for(self, env_id: str) -> dict[str, Any]:
        """Keywords of the algorithm on this environment, as JSON; see `trm_agents.presets.built`."""
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

    def training_for(self, env_id: str) -> dict[str, Any]:
        """Keywords of this training environment alone."""
        return {**presets.overridden({}, self.training_overrides, env_id), **self.training}

    def with_settings(self, settings: Mapping[str, Any]) -> Method:
        """The row with other settings.

        A row that is `walking` and has a `network` is left with the one whose settings are given.

        Args:
            settings: keywords of the algorithm, `env.KEY` of the training environment alone, `network.KEY` of the
                recursive network, keywords of a recursive policy and `depths` where the row is `walking`. Dots lead
                into keywords that are mappings: `policy_kwargs.optimizer_kwargs.weight_decay`.

        Raises:
            ValueError: the row has no network of its own.
        """
        changes, parts = dict(self.changes), {"env": dict(self.training), "network": dict(self.network or {})}
        words = {} if self.walking is None else self.walking.settings_among(settings)
        for setting, value in settings.items():
            first, _, rest = setting.partition(".")
            if rest and first in parts:
                parts[first][rest] = value
            elif setting not in words:
                changes[setting] = value
        if parts["network"] and self.network is None:
            raise ValueError(
                f"{self.name!r} has no settings of a network: leave out network.{next(iter(parts['network']))}"
            )
        network = None if self.network is None else parts["network"]
        row = replace(self, changes=changes, training=parts["env"], network=network)
        if network != self.network:
            return replace(row, walking=None)
        if words and self.walking is not None:
            return replace(row, walking=self.walking.with_settings(words), puzzles=WALKS)
        return row

    def known_with(self, settings: Mapping[str, Any]) -> tuple[Knowledge, ...]:
        """What the row is given with other settings, named as in `with_settings`; they are not checked."""
        core: Mapping[str, Any] = self.hyperparameters.get("policy_kwargs", {}).get("core", {})
        return known_with(self.knows, self.family, core, settings)

    def known_on(self, env_kwargs: Mapping[str, Any]) -> tuple[Knowledge, ...]:
        """What the row is given in environments with these keywords."""
        return self.knows

    def make(
        self,
        env_id: str,
        env_kwargs: Mapping[str, Any],
        seed: int | None,
        device: str = "cpu",
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> BaseAlgorithm:
        """A new model, ready to `learn`.

        Args:
            env_id: a plan-editing environment, `SudokuPlanEdit-4x4-v0`.
            env_kwargs: its keywords (blanks, split, ...).
            seed: of the model, its environment and torch's and numpy's global generators; None leaves them alone.
            device: torch device.
            settings: what replaces settings of the row, named as in `baselines.spaces`.
        """
        row = self.with_settings(settings)
        env, mdp = row._vec_env(env_id, env_kwargs)
        keywords = row._keywords(env_id, mdp)
        policy = row.policy
        if row.walking is not None and plays(WALKS, env_id):
            policy = row.walking.policy
            keywords |= row.walking.keywords()
        elif row.network is not None:
            keywords["policy_kwargs"] = {"features_extractor_kwargs": {"mdp": mdp, **row.network}}
        given = resolve_name(policy) if ":" in policy else policy
        model: BaseAlgorithm = resolve_name(row.algorithm)(given, env, seed=seed, device=device, **keywords)
        setattr(model, ROW_NAME, row.name)
        if row.family == "baseline":
            _fuse(model)
            count_gradient_steps(model)
        return model

    def callbacks(self, env_id: str) -> list[BaseCallback]:
        """What goes with its training on this environment."""
        return self.walking.callbacks() if self.walking is not None and plays(WALKS, env_id) else []

    def _keywords(self, env_id: str, mdp: Any) -> dict[str, Any]:
        """Keywords of the algorithm: those of the row, and the discount that rewards are shaped with."""
        return {"gamma": mdp.gamma, **presets.built(self.hyperparameters_for(env_id))}

    def load(
        self, path: str, env_id: str, env_kwargs: Mapping[str, Any], device: str = "cpu", trust: bool = False
    ) -> BaseAlgorithm:
        """A saved model of the row, on its environment, ready to `predict` and to `learn` on.

        Where the row says `resumes_exactly`, `learn(..., reset_num_timesteps=False)` goes on where the model was saved;
        others begin new episodes. As everywhere in SB3, loading reseeds the global generators with the model's own
        seed. The file is read as data; `trust` loads its pickles as SB3 does, which runs whatever they say.

        Raises:
            ValueError: the file is no model of the row, or one for other spaces than the environment has, or it names a
                class that no model file may.
        """
        # Loads torch, which the rows are read without.
        from trm_agents.common.model_files import load_sb3
        from trm_agents.common.trusted import UntrustedError

        try:
            env, _ = self._vec_env(env_id, env_kwargs)
            algorithm = resolve_name(self.algorithm)
            if ":" in self.policy:
                # What the file names has to be imported.
                resolve_name(self.policy)
            model = load_sb3(algorithm, path, trust=trust, env=env, device=device, force_reset=not self.resumes_exactly)
        except UntrustedError:
            raise
        except (AssertionError, AttributeError, ImportError, TypeError, ValueError, *UNREADABLE) as error:
            raise ValueError(f"{path} is no model of {self.name!r} that plays {env_id}: {error}") from error
        if self.family == "baseline":
            count_gradient_steps(model)
        return model

    def carry_over(
        self, model: BaseAlgorithm, env_id: str, env_kwargs: Mapping[str, Any], seed: int | None = None
    ) -> BaseAlgorithm:
        """A new model with the settings of the row on an environment, and the weights of this model.

        The model stays as it is. What is carried over counts on from what the model has cost: schedules of a further
        `learn(..., reset_num_timesteps=False)` go on too.

        Args:
            model: of this row, or of one with other settings.
            env_id: the environment, another one than the model's for instance.
            env_kwargs: its keywords.
            seed: of further training, as for `make`; None leaves global generators alone.

        Raises:
            ValueError: the weights do not fit there.
        """
        with own_randomness(model, np.random.default_rng(0)) if seed is None else nullcontext():
            there = self.make(env_id, env_kwargs, seed, str(model.device))
        try:
            there.policy.load_state_dict(model.policy.state_dict())
        except RuntimeError as error:
            raise ValueError(
                f"{self.name!r} cannot be carried over to {env_id}: its weights have the size of the environment that "
                f"it was trained on ({error})"
            ) from None
        for count in COUNTS:
            if hasattr(model, count):
                setattr(there, count, getattr(model, count))
        return there

    def agent(
        self,
        model: BaseAlgorithm,
        mdp: PlanEditMDP,
        rng: np.random.Generator,
        unroll: Unroll | None = None,
        tolerance: float = TOLERANCE,
    ) -> Agent:
        """The agent of a model of the row: its policy alone, one pass an edit, or as many as its starts take.

        Args:
            model: from `make` or `load`.
            mdp: the MDP that states will belong to.
            rng: what sampled actions are drawn with.
            unroll: inner steps n of a recursive network, in place of its own; `auto` takes as many as each state needs.
            tolerance: of `auto`: how much a value may still change.

        Raises:
            ValueError: `unroll` is below 1, or there is no recursive network to unroll.
        """
        if unroll is not None and unroll != "auto" and unroll < 1:
            raise ValueError(f"unroll must be at least 1, got {unroll}")
        if unroll is not None and not recursive_networks(model):
            raise ValueError(f"unroll={unroll} needs a recursive network, which {self.name!r} lacks; leave it out")
        return ModelAgent(model, mdp, rng, unroll, tolerance, one_hot=self.observation == "one_hot", masks=self.masks)

    def supports(self, env_id: str) -> bool:
        """Whether the method can play this environment."""
        walks = self.walking is not None or not self.reads_cells
        refused = (not walks and plays(WALKS, env_id)) or (self._certified(env_id) and plays(GRAPHS, env_id))
        return plays(self.puzzles, env_id) and not refused

    def _certified(self, env_id: str) -> bool:
        """Whether its core is a contraction, which no graph that is still unknown lets it prove."""
        core = self.hyperparameters_for(env_id).get("policy_kwargs", {}).get("core") or {}
        return bool(core.get("kind") == "certified")

    @property
    def has_solvers(self) -> bool:
        """Whether a policy of the row tells the probabilities that solvers ask for."""
        return self.family == "hindsight" or self.policy == "EditPolicy"

    def solver(
        self,
        model: BaseAlgorithm,
        mdp: PlanEditMDP,
        env_id: str,
        kind: SolverKind,
        budget: int,
        unroll: int | None = None,
    ) -> Solver:
        """A solver of a model of the row; see `ModelSolver`.

        Raises:
            ValueError: models of the row have none.
        """
        if not self.has_solvers:
            raise ValueError(
                f"models of {self.name!r} cannot be solved with: only those whose policy decodes plans tell the "
                f"probabilities that {kind} needs; leave out {kind}"
            )
        # Others than those that the presets are of keep to the depth that they were trained at.
        made = presets.attempts(env_id) if self.family == "hindsight" else {}
        return ModelSolver(model, mdp, made, kind, budget, unroll)

    def _vec_env(self, env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[VecEnv, Any]:
        """The row's training environment, n_envs episodes at once, and its MDP; None where plans are not edited."""
        import gymnasium as gym
        from gymnasium.vector import AutoresetMode
        from stable_baselines3.common.vec_env import VecMonitor

        from trm_agents.common.vec_env import VectorEnvAdapter

        vector_env: Any = gym.make_vec(
            env_id,
            num_envs=self.walking.n_envs if self.walking and plays(WALKS, env_id) else self.n_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            **{**self.env_kwargs_for(env_kwargs), **self.training_for(env_id)},
        )
        mdp = getattr(vector_env.unwrapped, "mdp", None)
        if self.observation == "one_hot":
            from trm_envs.wrappers import OneHotVectorObservation

            vector_env = OneHotVectorObservation(vector_env)
        return VecMonitor(VectorEnvAdapter(vector_env)), mdp


def _fuse(model: BaseAlgorithm) -> None:
    """Let Adam update a tensor in one pass: the same to rounding, and a fifth less time for an MLP."""
    for optimizer in optimizers(model):
        for group in optimizer.param_groups:
            group["fused"] = True
