"""Train `upi-trm-sudoku-9x9`: from easy puzzles to the hardest shipped ones, in stages that each load the last.

Run as `python -m benchmarks.recipes.sudoku_9x9 --out runs/zoo-9x9`; interrupted, the same command goes on with the
first stage that has no model yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines import METHODS
from benchmarks.recipes import staged
from benchmarks.recipes.staged import Stage

ENV_ID = "SudokuPlanEdit-9x9-v0"
N_ENVS = 50


def _stage(
    name: str,
    steps: int,
    puzzles: tuple[tuple[float, Any], ...],
    learning_rate: tuple[float, float],
    settings: dict[str, Any] | None = None,
) -> Stage:
    """A stage on pools given by their share and `blanks`."""
    pools = tuple((share, {"blanks": blanks}) for share, blanks in puzzles)
    return Stage(name, steps, ENV_ID, pools, learning_rate, settings or {}, retry=0.3)


_ROW = METHODS["upi_trm"].hyperparameters_for(ENV_ID)
_SETTINGS = {key: value for key, value in _ROW.items() if key != "learning_rate"} | {"policy_kwargs": {"width": 24}}
_HARD = ((0.6, "hard"), (0.2, "minimal"), (0.2, (49, 56)))

STAGES = (
    _stage("easy", 5_000, ((1.0, (20, 30)),), (4e-3, 4e-3), _SETTINGS),
    _stage("medium", 7_500, ((0.9, (31, 48)), (0.1, (20, 30))), (4e-3, 4e-3)),
    _stage("blanks", 17_500, ((0.9, (49, 56)), (0.1, (31, 48))), (4e-3, 4e-3)),
    _stage("hard", 180_000, _HARD, (4e-3, 2e-3)),
    _stage("end", 100_000, _HARD, (2e-3, 5e-5)),
)


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Path:
    """See `staged.train`."""
    return staged.train(out, stages, N_ENVS, {"legal_actions": "givens", "blanks": "hard"}, seed)


if __name__ == "__main__":
    options = staged.arguments((__doc__ or "").splitlines()[0])
    print(train(options.out, seed=options.seed))
