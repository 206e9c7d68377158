"""Train `upi-trm-sudoku-9x9`: from easy puzzles to the hardest shipped ones, in stages that each load the last.

Run as `python -m benchmarks.recipes.sudoku_9x9 --out runs/zoo-9x9`; interrupted, the same command goes on with the
first stage that has no model yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.recipes import staged
from benchmarks.recipes.staged import Stage

ENV_ID = "SudokuPlanEdit-9x9-v0"
N_ENVS = 128


def _stage(
    name: str,
    steps: int,
    puzzles: tuple[tuple[float, Any], ...],
    retry: float,
    learning_rate: tuple[float, float],
    settings: dict[str, Any] | None = None,
) -> Stage:
    """A stage on pools given by their share and `blanks`."""
    pools = tuple((share, {"blanks": blanks}) for share, blanks in puzzles)
    return Stage(name, steps, ENV_ID, pools, learning_rate, settings or {}, retry)


_FIRST: dict[str, Any] = {
    "target": "hindsight",
    "n_steps": 8,
    "batch_size": 32,
    "unroll": 10,
    "min_unroll": 6,
    "prior_steps": 40_000,
    "ema_decay": 0.998,
    "policy_kwargs": {"width": 32, "readout_steps": 4},
}
_HARD = ((0.6, "hard"), (0.25, "minimal"), (0.15, (49, 56)))
_SEARCHED: dict[str, Any] = {"unroll": 14, "min_unroll": 8, "search_instances": 8, "search_budget": 60}

STAGES = (
    _stage("easy", 6_000, ((1.0, (20, 30)),), 0.3, (3e-3, 3e-3), _FIRST),
    _stage("medium", 8_000, ((0.9, (31, 48)), (0.1, (20, 30))), 0.3, (3e-3, 3e-3)),
    _stage("blanks", 16_000, ((0.9, (49, 56)), (0.1, (31, 48))), 0.3, (3e-3, 3e-3)),
    _stage("minimal", 110_000, ((0.9, "minimal"), (0.1, (49, 56))), 0.3, (3e-3, 3e-3)),
    _stage("hard", 80_000, _HARD, 0.2, (2.5e-3, 1.7e-3), _SEARCHED),
    _stage("end", 80_000, _HARD, 0.2, (1.6e-3, 1e-4)),
)


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Path:
    """See `staged.train`."""
    return staged.train(out, stages, N_ENVS, {"legal_actions": "givens", "blanks": "hard"}, seed)


if __name__ == "__main__":
    options = staged.arguments((__doc__ or "").splitlines()[0])
    print(train(options.out, seed=options.seed))
