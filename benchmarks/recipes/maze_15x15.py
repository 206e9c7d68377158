"""Train `upi-trm-maze-15x15`: on 9x9 mazes first, where a state costs a fifth, then on larger ones, deeper.

Run as `python -m benchmarks.recipes.maze_15x15 --out runs/zoo-maze`; interrupted, the same command goes on with the
first stage that has no model yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines import METHODS
from benchmarks.recipes import staged
from benchmarks.recipes.staged import Stage

SMALL, LARGE = "MazePlanEdit-9x9-v0", "MazePlanEdit-15x15-v0"
N_ENVS = 50
_BOTH = ((1.0, {"braid": None}),)


def _settings(env_id: str, **changes: Any) -> dict[str, Any]:
    """Those of the benchmark's row, but for the learning rate, which belongs to the stage."""
    row = METHODS["upi_trm"].hyperparameters_for(env_id)
    return {key: value for key, value in row.items() if key != "learning_rate"} | changes


STAGES = (
    Stage("small", 160_000, SMALL, _BOTH, (8e-3, 1e-4), _settings(SMALL), retry=0.3),
    # The first weights know mazes already: no advice of the checker's.
    Stage("large", 40_000, LARGE, _BOTH, (4e-3, 1e-4), _settings(LARGE, prior=0.0), retry=0.3),
)


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Path:
    """See `staged.train`."""
    return staged.train(out, stages, N_ENVS, {"legal_actions": "givens"}, seed)


if __name__ == "__main__":
    options = staged.arguments((__doc__ or "").splitlines()[0])
    print(train(options.out, seed=options.seed))
