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


# As the shipped agent was trained: gradients through all inner steps, and fewer searches. Solved instances are searched
# for other ways since then, so a new run is not quite that one.
_THEN: dict[str, Any] = {"backprop_steps": None, "search_instances": 4}
_SMALL = _settings(SMALL, unroll=28, min_unroll=14, max_unroll=28, ema_decay=0.995, **_THEN)
# Deployed at 28, which validation mazes preferred.
_LARGE = _settings(LARGE, unroll=32, min_unroll=18, max_unroll=40, **_THEN)

STAGES = (
    Stage("small", 120_000, SMALL, _BOTH, (8e-3, 1e-4), _SMALL),
    Stage("large", 40_000, LARGE, _BOTH, (3e-3, 1e-4), _LARGE),
)


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 1) -> Path:
    """See `staged.train`."""
    return staged.train(out, stages, N_ENVS, {"legal_actions": "givens"}, seed)


if __name__ == "__main__":
    options = staged.arguments((__doc__ or "").splitlines()[0], seed=1)
    print(train(options.out, seed=options.seed))
