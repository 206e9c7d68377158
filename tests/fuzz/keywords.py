"""What keywords may be, and words of command lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trm_envs.colouring.env import GraphColouringPlanEditEnv
from trm_envs.control.double_integrator import DoubleIntegratorEnv, DoubleIntegratorPlanEditEnv
from trm_envs.control.powered_descent import PoweredDescentEnv, PoweredDescentPlanEditEnv
from trm_envs.control.van_der_pol import VanDerPolEnv, VanDerPolPlanEditEnv
from trm_envs.light_up.env import LightUpPlanEditEnv
from trm_envs.maze.env import MazePlanEditEnv
from trm_envs.maze.walk_env import MazeWalkEnv, OpenMazeWalkEnv
from trm_envs.sudoku.env import SudokuPlanEditEnv
from trm_envs.sudoku.place_env import SudokuPlaceEnv

from .values import Test, maybe, one_of, real, truth, whole

Tests = dict[str, Callable[[Any], bool | None]]
"""Whether a keyword takes a value; None: these tests do not know."""


def nothing(v: Any) -> bool:
    return v is None


def only(value: bool) -> Test:
    return lambda v: truth(v) and v == value


def mu(v: Any) -> bool:
    within = real(0, 3)
    return within(v) or (isinstance(v, (list, tuple)) and len(v) == 2 and all(map(within, v)) and v[0] <= v[1])


def unsure(test: Test) -> Callable[[Any], bool | None]:
    """What passes the test may be accepted, what does not may not."""
    return lambda v: None if test(v) else False


SOURCE: Tests = {
    "generate": truth,
    "split": one_of("train", "validation", "test"),
    "retry": real(0, 1),
    "curriculum": nothing,
    "render_mode": maybe(one_of("ansi", "rgb_array", "human")),
}
MDP: Tests = {"gamma": real(0, 1), "shaping": truth}
EDITS: Tests = {
    **SOURCE,
    **MDP,
    "max_edits": maybe(whole(1)),
    "legal_actions": one_of("givens", "consistent"),
    "stop_action": maybe(one_of("noop", "terminal")),
}
WEIGHTS: Tests = {"violation_weight": real(0, 1e9), "dead_end_weight": real(0, 1e9)}
# No pool of 5x5 has scattered walls.
CORRIDORS: Tests = {"braid": maybe(truth), "scattered": only(False)}
WALK: Tests = {
    **EDITS,
    "ends": one_of("pool", "any"),
    "step_cost": real(0, 1e9),
    "bump_cost": real(0, 1e9),
}
SYSTEM: Tests = {**SOURCE, "ood": only(False)}
CONTROL: Tests = {
    **SYSTEM,
    **MDP,
    "edit": one_of("feedback", "plan", "window"),
    "observe": one_of("error", "gradient"),
    "accept": one_of("always", "improving"),
    "max_edits": whole(1),
}
MU: Tests = {"mu": mu, "observe_mu": truth}
ENVIRONMENTS: dict[Any, Tests] = {
    SudokuPlanEditEnv: {**EDITS, **WEIGHTS, "allow_erase": truth, "size": whole(4, 4)},
    SudokuPlaceEnv: {**EDITS, "size": whole(4, 4)},
    MazePlanEditEnv: {**EDITS, **WEIGHTS, **CORRIDORS, "shortest": truth, "size": whole(5, 5)},
    MazeWalkEnv: {**WALK, **CORRIDORS, "size": whole(5, 5)},
    OpenMazeWalkEnv: {**WALK, "generate": only(False), "dense_rewards": truth, "size": unsure(whole(2))},
    GraphColouringPlanEditEnv: {
        **EDITS,
        **WEIGHTS,
        "kind": one_of("random", "planted"),
        "size": unsure(whole(2)),
        "colours": unsure(whole(2, 9)),
    },
    LightUpPlanEditEnv: {**EDITS, **WEIGHTS, "size": unsure(whole(2, 10))},
    DoubleIntegratorPlanEditEnv: {**CONTROL, "tight": truth},
    VanDerPolPlanEditEnv: {**CONTROL, **MU},
    PoweredDescentPlanEditEnv: {**CONTROL, "edit": unsure(CONTROL["edit"]), "shallow": unsure(truth)},
    DoubleIntegratorEnv: {**SYSTEM, "tight": truth},
    VanDerPolEnv: {**SYSTEM, **MU},
    PoweredDescentEnv: {**SYSTEM, "shallow": unsure(truth)},
}
SIZES = {SudokuPlanEditEnv: 4, SudokuPlaceEnv: 4, MazePlanEditEnv: 5, MazeWalkEnv: 5}
"""Sides of environments whose usual one is larger."""
SHARED: Tests = {
    "learning_rate": real(0, 1.7e308),
    "batch_size": whole(1),
    "unroll": whole(1, 300),
    "max_grad_norm": lambda v: real(5e-324, 1.7e308)(v) or v == np.inf,
    "stats_window_size": whole(1),
    "seed": maybe(whole(0, 2**32 - 1)),
    "verbose": whole(0, 2),
    "ema_decay": lambda v: real(0, 1)(v) and v < 1,
}
PLANS: Tests = {
    **SHARED,
    "n_steps": whole(1, 10_000),
    "gamma": lambda v: real(0, 1)(v) and v == 0.99,
    "deep_supervision": truth,
}
UPITRM: Tests = {
    **PLANS,
    "n_steps": maybe(whole(1, 10_000)),
    "n_epochs": whole(1),
    "beta": maybe(real(5e-324, 1.7e308)),
    "checker_weight": maybe(real(0, 1)),
    "advantage": maybe(one_of("enumerate", "readout")),
    "train_unroll": nothing,
    "carry_unroll": nothing,
    "mixture": nothing,
    "target": lambda v: False,
}
ALGORITHMS: dict[tuple[str, str], Tests] = {
    ("UPITRM", "TRMPolicy"): UPITRM,
    ("UPITRM", "MlpPolicy"): {**UPITRM, "gamma": real(0, 1), **dict.fromkeys(("advantage", "checker_weight"), nothing)},
    ("HindsightTRM", "TokenPolicy"): {
        **PLANS,
        "beta": real(5e-324, 1.7e308),
        "train_ratio": real(5e-324, 1.7e308),
        "buffer_size": whole(1, 10**6),
        "min_buffer_size": whole(0, 10**6),
        "checker_steps": whole(0),
        "solved_cell_weight": real(0, 1.7e308),
        "search": nothing,
    },
    ("TRC", "TRCPolicy"): {
        **SHARED,
        "batch_size": whole(1, 10_000),
        "restart": real(0, 1),
        "supervision": one_of("every", "last"),
        "credit": one_of("adjoint", "antithetic"),
        "exploration": real(0, 1.7e308),
        "pairs": whole(1, 10_000),
        "sigma": real(5e-324, 1.7e308),
    },
    ("REINFORCE", "MlpPolicy"): {
        **{name: SHARED[name] for name in ("learning_rate", "max_grad_norm", "stats_window_size", "seed", "verbose")},
        "n_episodes": whole(1),
        "gamma": real(0, 1),
        "ent_coef": real(0, 1.7e308),
        "baseline": maybe(one_of("leave_one_out", "episode")),
    },
}
OPTIONS: Tests = {
    **dict.fromkeys(("k_cycles", "h_dim", "l_dim", "n_h_layers", "n_l_layers"), whole(1)),
    **dict.fromkeys(("max_cycles", "gradient_cycles"), maybe(whole(1))),
    "carry": truth,
    "deep_supervision": truth,
    "action_conditioning": only(False),
    "inject": one_of("every", "once"),
    "mixer": nothing,
    "readout": unsure(maybe(one_of("pool", "cells", "agent"))),
    "halting": maybe(one_of("settle", "learned")),
    "settle_below": real(2.3e-308, 1.7e308),
    "ponder_cost": real(0, 1.7e308),
    "ema": maybe(lambda v: real(5e-324, 1)(v) and v < 1),
}
"""Keywords of recursive policies, where observations are no grid."""
LARGE = ("n_steps", "buffer_size", "unroll", "batch_size", "pairs", *OPTIONS)
"""Keywords whose large values take long, and are tried as 200."""
UNSURE = {
    "stats_window_size",
    "verbose",
    "learning_rate",
    "seed",
    "min_buffer_size",
    "solved_cell_weight",
    "train_ratio",
    "exploration",
    "sigma",
    "supervision",
    "buffer_size",
    "pairs",
    "checker_steps",
    "restart",
    "ema_decay",
}
"""Keywords whose bounds these tests do not repeat: what is a number may be refused, what is none may not be taken."""


WORDS = (
    "--env",
    "--puzzles",
    "--json",
    "--max-edits",
    "--legal-actions",
    "--limit",
    "--seeds",
    "--steps",
    "--published",
    "--suite",
    "--algo",
    "--resume",
    "--out",
    "--attempts",
    "--search",
    "0",
    "-1",
    "4",
    "1e9",
    "nan",
    "a,b",
    "0-4",
    "4-0",
    "[/x]",
    "../..",
    "none.txt",
    "none.zip",
    "SudokuPlanEdit-4x4-v0",
    "CartPole-v1",
    "nothing-v0",
    "zoo:none",
    "upi_trm",
    "upi_trm@beta=x",
    "sudoku-4x4-easy",
    "/dev/null",
)
VERBS: dict[str, tuple[str, ...]] = {
    "trm": ("solve", "play", "watch", "evaluate", "zoo", "nothing"),
    "benchmarks": ("status", "report", "compare", "evaluate", "watch", "compute", "certify", "nothing"),
}
