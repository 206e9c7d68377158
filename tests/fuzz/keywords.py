"""What keywords may be, and words of command lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from trm_envs.control.double_integrator import DoubleIntegratorPlanEditEnv
from trm_envs.maze.env import MazePlanEditEnv
from trm_envs.sudoku.env import SudokuPlanEditEnv

from .values import Test, maybe, one_of, real, truth, whole


def nothing(v: Any) -> bool:
    return v is None


DISTRIBUTION: dict[str, Test] = {
    "gamma": real(0, 1),
    "shaping": truth,
    "generate": truth,
    "split": one_of("train", "validation", "test"),
    "retry": real(0, 1),
    "curriculum": nothing,
    "render_mode": maybe(one_of("ansi", "rgb_array", "human")),
}
PLAN_EDIT: dict[str, Test] = {
    **DISTRIBUTION,
    "max_edits": maybe(whole(1)),
    "legal_actions": one_of("givens", "consistent"),
    "stop_action": maybe(one_of("noop", "terminal")),
    "violation_weight": real(0, 1e9),
    "dead_end_weight": real(0, 1e9),
}
ENVIRONMENTS: dict[Any, dict[str, Test]] = {
    SudokuPlanEditEnv: {**PLAN_EDIT, "allow_erase": truth, "size": whole(4, 4)},
    MazePlanEditEnv: {
        **PLAN_EDIT,
        "braid": maybe(truth),
        "scattered": lambda v: truth(v) and not v,
        "shortest": truth,
        "size": whole(5, 5),
    },
    DoubleIntegratorPlanEditEnv: {
        **DISTRIBUTION,
        "tight": truth,
        "ood": lambda v: truth(v) and not v,
        "edit": one_of("feedback", "plan", "window"),
        "observe": one_of("error", "gradient"),
        "accept": one_of("always", "improving"),
        "max_edits": whole(1),
    },
}
SHARED: dict[str, Test] = {
    "learning_rate": real(0, 1.7e308),
    "batch_size": whole(1),
    "unroll": whole(1, 300),
    "max_grad_norm": lambda v: real(5e-324, 1.7e308)(v) or v == np.inf,
    "stats_window_size": whole(1),
    "seed": maybe(whole(0, 2**32 - 1)),
    "verbose": whole(0, 2),
    "ema_decay": lambda v: real(0, 1)(v) and v < 1,
}
PLANS = {
    **SHARED,
    "n_steps": whole(1, 10_000),
    "gamma": lambda v: real(0, 1)(v) and v == 0.99,
    "deep_supervision": truth,
}
ALGORITHMS: dict[str, dict[str, Test]] = {
    "UPITRM": {
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
    },
    "HindsightTRM": {
        **PLANS,
        "beta": real(5e-324, 1.7e308),
        "train_ratio": real(5e-324, 1.7e308),
        "buffer_size": whole(1, 10**6),
        "min_buffer_size": whole(0, 10**6),
        "checker_steps": whole(0),
        "solved_cell_weight": real(0, 1.7e308),
        "search": nothing,
    },
    "TRC": {
        **SHARED,
        "batch_size": whole(1, 10_000),
        "restart": real(0, 1),
        "supervision": one_of("every", "last"),
        "credit": one_of("adjoint", "antithetic"),
        "exploration": real(0, 1.7e308),
        "pairs": whole(1, 10_000),
        "sigma": real(5e-324, 1.7e308),
    },
}
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
