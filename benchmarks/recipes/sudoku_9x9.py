"""Train `upi-trm-sudoku-9x9`: the benchmark's row on its 9x9 suite, then on the hardest shipped puzzles.

Run as `python -m benchmarks.recipes.sudoku_9x9 --out runs/zoo-9x9`; interrupted, the same command goes on with the
first stage that has no model yet.
"""

from __future__ import annotations

from pathlib import Path

from baselines import METHODS
from benchmarks.recipes import staged
from benchmarks.recipes.staged import Stage

ENV_ID = "SudokuPlanEdit-9x9-v0"
N_ENVS = METHODS["upi_trm"].n_envs
_ROW = METHODS["upi_trm"].hyperparameters_for(ENV_ID)
_SETTINGS = {key: value for key, value in _ROW.items() if key != "learning_rate"}
_HARD = ((0.5, {"blanks": "hard"}), (0.25, {"blanks": "minimal"}), (0.25, {"blanks": (49, 56)}))

STAGES = (
    # The first seed of that row, to the bit.
    Stage("suite", 100_000, ENV_ID, "sudoku-9x9", tuple(_ROW["learning_rate"]), _SETTINGS),
    Stage("hard", 60_000, ENV_ID, _HARD, (2e-3, 5e-5), retry=0.3),
)


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Path:
    """See `staged.train`."""
    return staged.train(out, stages, N_ENVS, {"legal_actions": "givens", "blanks": "hard"}, seed)


if __name__ == "__main__":
    options = staged.arguments((__doc__ or "").splitlines()[0])
    print(train(options.out, seed=options.seed))
