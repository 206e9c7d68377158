"""What the recipes share: stages of training that each go on from the last, on puzzles of another size too."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks import models
from benchmarks.models import Cost, Label
from benchmarks.suites import pool
from trm_agents import UPITRM
from trm_agents.vec_env import VectorEnvAdapter
from trm_envs import InstanceSource, Retry
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv


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
    env_id: str
    puzzles: tuple[tuple[float, dict[str, Any]], ...]
    """Share of each training pool, and the keywords of the environment that choose it."""
    learning_rate: tuple[float, float]
    """At the start and at the end, linear in between."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Keywords of `UPITRM`; those not named stay as the stage before left them, where the size does."""
    retry: float = 0.0
    """Probability of trying a failed puzzle again."""


def environment(stage: Stage, n_envs: int) -> VecMonitor:
    """The training environment of a stage."""
    pools = [pool(stage.env_id, keywords, "train") for _, keywords in stage.puzzles]
    source: InstanceSource = Mixture([share for share, _ in stage.puzzles], [part.instances for part in pools])
    if stage.retry > 0.0:
        source = Retry(source, stage.retry)
    return VecMonitor(VectorEnvAdapter(PlanEditVectorEnv(n_envs, pools[0].mdp, source, autoreset_mode="SameStep")))


def begin(stage: Stage, n_envs: int, path: Path | None, seed: int) -> UPITRM:
    """A new model, or the one of the stage before: whole where the puzzles have its size, else its weights."""
    env = environment(stage, n_envs)
    keywords = {**stage.settings, "learning_rate": LinearSchedule(*stage.learning_rate, end_fraction=1.0)}
    if path is None:
        return UPITRM("TRMPolicy", env, seed=seed, device="cpu", **keywords)
    before = UPITRM.load(path, device="cpu")
    if before.observation_space == env.observation_space:
        return UPITRM.load(path, env=env, device="cpu", **keywords)
    model = UPITRM("TRMPolicy", env, seed=seed, device="cpu", **keywords)
    model.policy.load_state_dict(before.policy.state_dict())
    # What the weights have cost so far stays theirs.
    for counter in ("num_timesteps", "model_queries", "gradient_steps_done"):
        setattr(model, counter, getattr(before, counter))
    return model


def train(out: Path, stages: Sequence[Stage], n_envs: int, trained_with: dict[str, Any], seed: int = 0) -> Path:
    """Train all stages that have no model in `out` yet; the path of the last model.

    Args:
        out: folder for a model a stage.
        stages: in order.
        n_envs: episodes collected at once.
        trained_with: keywords of the environment that the models are labelled with.
        seed: of every new model.
    """
    torch.set_num_threads(1)
    path: Path | None = None
    for number, stage in enumerate(stages):
        done = out / f"{number}-{stage.name}.zip"
        if not done.exists():
            model = begin(stage, n_envs, path, seed)
            model.learn(stage.steps, reset_num_timesteps=path is None, progress_bar=True)
            trained = sum(p.numel() for p in model.policy.parameters() if p.requires_grad)
            cost = Cost(model.num_timesteps, model.model_queries, model.gradient_steps_done, trained, wall_s=0.0)
            models.save(model, done, Label("upi_trm", stage.env_id, trained_with, cost))
        path = done
    assert path is not None
    return path


def arguments(description: str, seed: int = 0) -> argparse.Namespace:
    """The command line of a recipe."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, required=True, help="folder for a model a stage")
    parser.add_argument("--seed", type=int, default=seed)
    return parser.parse_args()
