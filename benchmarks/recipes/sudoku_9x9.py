"""Train `upi-trm-sudoku-9x9`: from easy puzzles to the hardest shipped ones, in stages that each load the last.

Run as `python -m benchmarks.recipes.sudoku_9x9 --out runs/zoo-9x9`; interrupted, the same command goes on with the
first stage that has no model yet.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks import models
from benchmarks.models import Cost, Label
from benchmarks.suites import pool
from trm_agents import UPITRM
from trm_agents.vec_env import VectorEnvAdapter
from trm_envs import InstanceSource, Retry
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv

ENV_ID = "SudokuPlanEdit-9x9-v0"
N_ENVS = 128
CHECKPOINT = 20_480
"""Environment steps between the models that a stage leaves to look at on its way."""


class Mixture(InstanceSource):
    """Draws from several pools with fixed probabilities.

    Args:
        shares: probability of each pool; they sum to one.
        pools: instances, shape (n, n_cells) each.
    """

    def __init__(self, shares: list[float], pools: list[NDArray[np.int8]]) -> None:
        self.shares = shares
        self.pools = pools

    def sample(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """One instance, shape (n_cells,)."""
        chosen = self.pools[int(rng.choice(len(self.pools), p=self.shares))]
        instance: NDArray[np.int8] = chosen[int(rng.random() * len(chosen))].copy()
        return instance


@dataclass(frozen=True)
class Stage:
    """One call of `learn`."""

    name: str
    steps: int
    puzzles: tuple[tuple[float, Any], ...]
    """Share and `blanks` of each training pool."""
    retry: float
    learning_rate: tuple[float, float]
    """At the start and at the end, linear in between."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Keywords of `UPITRM`; those not named stay as the stage before left them."""


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
_DEEP: dict[str, Any] = {
    "unroll": 18,
    "min_unroll": 10,
    "search_instances": 12,
    "search_budget": 80,
    "replay_ratio": 1.5,
}

STAGES = (
    Stage("easy", 6_000, ((1.0, (20, 30)),), 0.3, (3e-3, 3e-3), _FIRST),
    Stage("medium", 8_000, ((0.9, (31, 48)), (0.1, (20, 30))), 0.3, (3e-3, 3e-3)),
    Stage("blanks", 16_000, ((0.9, (49, 56)), (0.1, (31, 48))), 0.3, (3e-3, 3e-3)),
    Stage("minimal", 110_000, ((0.9, "minimal"), (0.1, (49, 56))), 0.3, (3e-3, 3e-3)),
    Stage("hard", 80_000, _HARD, 0.2, (2.5e-3, 1.7e-3), _SEARCHED),
    Stage("end", 80_000, _HARD, 0.2, (1.6e-3, 1e-4)),
    Stage("deep", 122_880, _HARD, 0.2, (2e-3, 8.3e-4), _DEEP),
    Stage("last", 51_200, _HARD, 0.2, (8.3e-4, 3e-5)),
)


def environment(stage: Stage) -> VecMonitor:
    """The training environment of a stage."""
    pools = [pool(ENV_ID, {"blanks": blanks}, "train") for _, blanks in stage.puzzles]
    source = Retry(Mixture([share for share, _ in stage.puzzles], [part.instances for part in pools]), stage.retry)
    return VecMonitor(VectorEnvAdapter(PlanEditVectorEnv(N_ENVS, pools[0].mdp, source, autoreset_mode="SameStep")))


def train(out: Path, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Path:
    """Train all stages that have no model in `out` yet; the path of the last model."""
    torch.set_num_threads(1)
    path: Path | None = None
    for number, stage in enumerate(stages):
        done = out / f"{number}-{stage.name}.zip"
        if not done.exists():
            keywords = {**stage.settings, "learning_rate": LinearSchedule(*stage.learning_rate, end_fraction=1.0)}
            if path is None:
                model = UPITRM("TRMPolicy", environment(stage), seed=seed, device="cpu", **keywords)
            else:
                model = UPITRM.load(path, env=environment(stage), device="cpu", **keywords)
            halfway = CheckpointCallback(CHECKPOINT // N_ENVS, str(out), name_prefix=f"{number}-{stage.name}")
            model.learn(stage.steps, halfway, reset_num_timesteps=path is None, progress_bar=True)
            trained = sum(p.numel() for p in model.policy.parameters() if p.requires_grad)
            cost = Cost(model.num_timesteps, model.model_queries, model.gradient_steps_done, trained, wall_s=0.0)
            models.save(model, done, Label("upi_trm", ENV_ID, {"legal_actions": "givens", "blanks": "hard"}, cost))
        path = done
    assert path is not None
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for a model a stage")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(train(options.out, seed=options.seed))
