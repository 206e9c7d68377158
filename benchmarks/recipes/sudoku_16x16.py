"""Train `upi-trm-sudoku-16x16`: on 9x9 puzzles first, where a state costs a fifth, then on 16x16 ones.

Run as `python -m benchmarks.recipes.sudoku_16x16 --out runs/zoo-16x16`; interrupted, the same command goes on with the
first stage that has no model yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.recipes import staged
from benchmarks.recipes.staged import Stage

SMALL, LARGE = "SudokuPlanEdit-9x9-v0", "SudokuPlanEdit-16x16-v0"
N_ENVS = 50
_SETTINGS: dict[str, Any] = {
    "target": "hindsight",
    "n_steps": 5,
    "batch_size": 32,
    "unroll": 10,
    "min_unroll": 6,
    "prior_steps": 30_000,
}


def _small(name: str, steps: int, blanks: tuple[int, int], settings: dict[str, Any] | None = None) -> Stage:
    return Stage(name, steps, SMALL, ((1.0, {"blanks": blanks}),), (4e-3, 4e-3), settings or {}, retry=0.3)


STAGES = (
    _small("easy", 5_000, (20, 30), _SETTINGS),
    _small("medium", 7_500, (31, 48)),
    _small("blanks", 17_500, (49, 56)),
    Stage(
        "large", 30_000, LARGE, ((1.0, {}),), (3e-3, 1e-4), {**_SETTINGS, "search_instances": 2, "search_budget": 40}
    ),
)


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Path:
    """See `staged.train`."""
    return staged.train(out, stages, N_ENVS, {"legal_actions": "givens"}, seed)


if __name__ == "__main__":
    options = staged.arguments((__doc__ or "").splitlines()[0])
    print(train(options.out, seed=options.seed))
