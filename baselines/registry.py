"""The registry: what can be trained (`METHODS`), and what it is compared with (`LINES`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from baselines import hyperparameters as tuned
from baselines.control_method import EDITED, ControlLine, ControlMethod
from baselines.knowledge import known_by_core
from baselines.line import Knowledge, Line
from baselines.method import WALKS, Method
from baselines.variants import parsed
from baselines.walking import Walking
from trm_agents import presets
from trm_envs.plan_edit.task import LegalActions

_PPO, _A2C, _DQN = (f"stable_baselines3:{name}" for name in ("PPO", "A2C", "DQN"))
_REINFORCE = "trm_agents:REINFORCE"
_ACTOR_CRITIC = "baselines.backbone:RecursiveActorCriticPolicy"
_POLICIES = "trm_agents.recursive_policies"
_PPO_WALKING = Walking(
    f"{_POLICIES}:RecursivePolicy", tuned.WALKING_AT_DEPTHS, 64, f"{_POLICIES}:WholeRollouts", depths=(8, 96)
)
_PPO_WALKING_DEEP = replace(_PPO_WALKING, words=tuned.WALKING_DEEP, depths=None)
_MASKABLE = "baselines.backbone:RecursiveMaskableActorCriticPolicy"
_Q = "baselines.backbone:RecursiveDQNPolicy"
_WALKERS = {_ACTOR_CRITIC: "RecursivePolicy", _MASKABLE: "RecursiveMaskablePolicy", _Q: "RecursiveDQNPolicy"}


def _ours(name: str, colour: str, **more: Any) -> Method:
    """A row of HindsightTRM or of UPITRM, with its preset."""
    settings = presets.PRESETS[name]
    about: dict[str, Any] = {"colour": colour, "resumes_exactly": True, "reads_cells": True, **more}
    if name.startswith("hindsight_trm"):
        core = settings[0].get("policy_kwargs", {}).get("core", {})
        about |= {"family": "hindsight", "knows": (*known_by_core(core, "hindsight"), "model", "checker")}
        return Method(name, "trm_agents:HindsightTRM", "TokenPolicy", "dict", 50, *settings, **about)
    about |= {"family": "upi", "knows": ("groups", "symbols", "model")}
    if settings[0].get("target", {}).get("kind") not in (None, "k_step"):
        # Guesses made on easy puzzles confirm themselves on hard ones: all puzzles are there from the start.
        about |= {
            "training": {"curriculum": None},
            "knows": ("groups", "symbols", "cover", "model"),
            "puzzles": ("SudokuPlanEdit", "SudokuPlace"),
        }
        return Method(name, "trm_agents:UPITRM", "EditPolicy", "dict", 50, *settings, **about)
    return Method(name, "trm_agents:UPITRM", "TRMPolicy", "dict", 16, *settings, **about)


def _maskable(
    name: str, legal_actions: LegalActions, colour: str, hyperparameters: Mapping[str, Any], **more: Any
) -> Method:
    """A row of MaskablePPO with an MLP at a legal-action level."""
    algorithm = "sb3_contrib:MaskablePPO"
    return Method(
        name,
        algorithm,
        "MlpPolicy",
        "one_hot",
        16,
        hyperparameters,
        masks=True,
        legal_actions=legal_actions,
        colour=colour,
        knows=("masks",),
        **more,
    )


def _recursive(
    name: str, algorithm: str, policy: str, n_envs: int, colour: str, hyperparameters: Mapping[str, Any], **more: Any
) -> Method:
    """A row of SB3's or of sb3-contrib's with our recursive network."""
    return Method(
        name,
        algorithm,
        policy,
        "dict",
        n_envs,
        hyperparameters,
        **{
            "colour": colour,
            "knows": ("groups", "symbols"),
            "network": tuned.BACKBONE,
            "walking": Walking(f"{_POLICIES}:{_WALKERS[policy]}", tuned.WALKING, n_envs),
            "reads_cells": True,
            **more,
        },
    )


def _recursive_maskable(name: str, legal_actions: LegalActions, colour: str) -> Method:
    return _recursive(
        name,
        "sb3_contrib:MaskablePPO",
        _MASKABLE,
        16,
        colour,
        tuned.TRM_PPO,
        overrides=tuned.TRM_OVERRIDES,
        masks=True,
        legal_actions=legal_actions,
        knows=("masks", "groups", "symbols"),
    )


def _trc(name: str, colour: str, settings: tuple[Any, Any], **more: Any) -> ControlMethod:
    """A row of TRC, or of another policy that TRC trains."""
    about: dict[str, Any] = {"family": "trc", "policy": "TRCPolicy", **more}
    return ControlMethod(
        name,
        algorithm="trm_agents:TRC",
        observation="dict",
        n_envs=1,
        hyperparameters=settings[0],
        overrides=settings[1],
        colour=colour,
        resumes_exactly=True,
        **about,
    )


def _sb3(name: str, path: str, colour: str, settings: tuple[Any, Any], stepwise: bool = True) -> ControlMethod:
    """A row of SB3's for systems."""
    policy = "MlpPolicy" if stepwise else "MultiInputPolicy"
    return ControlMethod(name, path, policy, "dict", 16, *settings, colour=colour, stepwise=stepwise)


def _line(name: str, order: int, systems: tuple[str, ...], knows: tuple[Any, ...], **more: Any) -> ControlLine:
    """A reference line of systems to control."""
    prefixes = tuple(f"{EDITED}-{system}" for system in systems)
    return ControlLine(name, "baselines.control_lines:plans_of", order, prefixes, knows=knows, **more)


class Methods(dict[str, Method]):
    """Rows by name. `NAME@SETTING=VALUE@...` is the row NAME with other settings, see `Method.with_settings`."""

    def __missing__(self, name: str) -> Method:
        if name not in self or "@" not in name:
            raise KeyError(name)
        # Constructors tell the types of settings, and they need torch.
        from baselines.settings import check

        base, changed = parsed(name)
        row = self[base].with_settings(changed)
        check(row, changed)
        return replace(row, name=name, knows=self[base].known_with(changed))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.partition("@")[0])


METHODS = Methods(
    (row.name, row)
    for row in (
        _ours("hindsight_trm", "#0b6e4f"),
        _ours("hindsight_trm-certified", "#6a4c93"),
        _ours("hindsight_trm-attention", "#b5651d"),
        _ours("upi_trm", "#2f9e6e"),
        _ours("upi_trm-exact", "#7cc9a3"),
        _ours("upi_trm-survival", "#1b7f9c"),
        _ours("upi_trm-outcome", "#9a8c3d"),
        _ours("upi_trm-cost_to_go", "#a4553f"),
        _ours("upi_trm-violations", "#5b6c9d"),
        _ours("stage0", "#777777", role="reference", order=3, compared=True),
        Method("ppo", _PPO, "MlpPolicy", "one_hot", 16, tuned.PPO, tuned.WALK_OVERRIDES, colour="#d1495b"),
        Method("a2c", _A2C, "MlpPolicy", "one_hot", 4, tuned.A2C, colour="#edae49"),
        Method("dqn", _DQN, "MlpPolicy", "one_hot", 4, tuned.DQN, tuned.DQN_OVERRIDES, colour="#30638e"),
        _maskable(
            "maskable_ppo", "givens", "#8f2d56", tuned.MASKABLE_PPO, training_overrides=tuned.MASKABLE_PPO_TRAINING
        ),
        _maskable("maskable_ppo-consistent", "consistent", "#c77da3", tuned.PPO),
        _recursive(
            "trm_ppo",
            _PPO,
            _ACTOR_CRITIC,
            16,
            "#e07a5f",
            tuned.TRM_PPO,
            overrides=tuned.TRM_OVERRIDES,
            walking=_PPO_WALKING,
        ),
        _recursive(
            "trm_ppo-deep",
            _PPO,
            _ACTOR_CRITIC,
            16,
            "#9c3d54",
            tuned.TRM_PPO,
            overrides=tuned.TRM_OVERRIDES,
            puzzles=WALKS,
            walking=_PPO_WALKING_DEEP,
        ),
        _recursive("trm_a2c", _A2C, _ACTOR_CRITIC, 4, "#b08968", tuned.TRM_A2C),
        _recursive("trm_dqn", _DQN, _Q, 4, "#5fa8d3", tuned.TRM_DQN),
        Method("reinforce", _REINFORCE, "MLPPolicy", "one_hot", 8, tuned.REINFORCE, colour="#8d99ae"),
        Method(
            "trm_reinforce",
            _REINFORCE,
            "TRMPolicy",
            "dict",
            8,
            tuned.TRM_REINFORCE,
            colour="#3d5a80",
            puzzles=WALKS,
            walking=Walking("TRMPolicy", {"k_cycles": 3, "action_conditioning": False}, 8),
        ),
        _recursive_maskable("trm_maskable_ppo", "givens", "#4b1d3f"),
        _recursive_maskable("trm_maskable_ppo-consistent", "consistent", "#e0a3c8"),
        _trc("trc", "#0a7d5c", presets.PRESETS["trc"], knows=("model", "gradient")),
        _trc(
            "trc-gradient",
            "#1d6f8b",
            presets.PRESETS["trc"],
            knows=("model", "gradient"),
            training={"observe": "gradient", "accept": "improving"},
        ),
        _trc(
            "trc-antithetic",
            "#58a07c",
            presets.PRESETS["trc-antithetic"],
            knows=("model", "checker"),
            training={"observe": "error"},
        ),
        _trc(
            "mlp_control",
            "#d98324",
            (tuned.MLP_CONTROL, tuned.MLP_CONTROL_OVERRIDES),
            policy="baselines.whole_plan:WholePlanPolicy",
            family="baseline",
            knows=("model", "gradient"),
            edits=1,
            reads_plans=False,
        ),
        _sb3("ppo-edit", _PPO, "#c8374d", (tuned.PPO_EDIT, tuned.PPO_EDIT_OVERRIDES), stepwise=False),
        _sb3("ppo-step", _PPO, "#7d2248", (tuned.PPO_STEP, tuned.PPO_STEP_OVERRIDES)),
        _sb3("sac-step", "stable_baselines3:SAC", "#2b5a83", (tuned.SAC_STEP, tuned.SAC_STEP_OVERRIDES)),
    )
)

_QUADRATIC = ("DoubleIntegrator", "VanDerPol")
_DESCENT = ("PoweredDescent",)

LINES: dict[str, Line] = {
    row.name: row
    for row in (
        Line("random", "baselines.lines:RandomLegal", 0, knows=("masks",)),
        Line("random_consistent", "baselines.lines:RandomConsistent", 1, knows=("masks",)),
        Line("checker_greedy", "baselines.lines:CheckerGreedy", 2, knows=("model", "checker"), compared=True),
        Line(
            "singles",
            "baselines.logic:singles_line",
            4,
            ("SudokuPlanEdit", "LightUpPlanEdit", "GraphColouringPlanEdit"),
            drawn_once=True,
            knows=("puzzle",),
        ),
        Line(
            "propagation",
            "baselines.logic:propagation_line",
            5,
            ("SudokuPlanEdit",),
            drawn_once=True,
            knows=("groups", "cover"),
        ),
        Line(
            "solver",
            "baselines.logic:solver_line",
            6,
            (
                *("SudokuPlanEdit", "SudokuPlace", "MazePlanEdit", "MazeWalk", "OpenMazeWalk", "LightUpPlanEdit"),
                "GraphColouringPlanEdit",
            ),
            drawn_once=True,
            knows=("puzzle",),
        ),
        Line(
            "dsatur",
            "baselines.logic:dsatur_line",
            7,
            ("GraphColouringPlanEdit",),
            drawn_once=True,
            knows=("puzzle",),
        ),
        Line("tabu", "baselines.logic:TabuSearch", 8, ("GraphColouringPlanEdit",), knows=("puzzle",), compared=True),
        _line("zero", 10, ("",), (), simulations=1),
        _line("clipped_lqr", 11, _QUADRATIC, ("dynamics",), compared=True, simulations=1),
        _line("ilqr_1", 12, _QUADRATIC, ("dynamics", "gradient in play")),
        _line("ilqr_3", 13, _QUADRATIC, ("dynamics", "gradient in play")),
        _line("ilqr_20", 14, _QUADRATIC, ("dynamics", "gradient in play"), compared=True),
        _line("guidance_grid", 15, _DESCENT, ("dynamics",), simulations=33),
        _line("reduced_gradient_20", 16, _DESCENT, ("dynamics", "gradient in play"), simulations=53),
        _line("reduced_gradient_50", 17, _DESCENT, ("dynamics", "gradient in play"), compared=True, simulations=83),
        _line("stored_reference", 18, ("",), ("optimum",)),
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


def line(name: str) -> Line:
    """The reference line of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in LINES:
        raise ValueError(f"unknown reference line {name!r}; known lines: {', '.join(LINES)}")
    return LINES[name]


def known_to(algo: str, env_kwargs: Mapping[str, Any] = MappingProxyType({})) -> tuple[Knowledge, ...] | None:
    """What the method of a line of a table is given, its settings and its solver counted; None for a foreign one.

    Args:
        algo: name of the line.
        env_kwargs: keywords of the environment of its suite.
    """
    row = row_of(algo)
    if row is None:
        return None
    if isinstance(row, Method):
        settings = parsed(algo.partition("+")[0])[1]
        observed = {name: value for name, value in settings.items() if name.startswith("env.")}
        row = replace(row.with_settings(observed), knows=row.known_with(settings))
    knows = row.known_on(env_kwargs)
    return (*knows, "symmetries") if "+views=" in algo and "symmetries" not in knows else knows


def row_of(algo: str) -> Method | Line | None:
    """What is true of a line of a table: the row of its name, without settings and solver; None for a foreign one."""
    name = re.split("[@+]", algo)[0]
    return METHODS.get(name) or LINES.get(name)
