"""Whether memory grows: vector environments, training and evaluation in turn for a given time."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

import baselines
import trm_envs
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import pool, suite
from benchmarks.studies.speed import draw_legal

SUITE = "sudoku-4x4-easy"
METHODS = {"hindsight_trm": {"buffer_size": 2_000, "min_buffer_size": 100}, "upi_trm": {}}
"""Rows that train, and settings under which what they keep is full soon."""
VECTOR_ENVS, VECTOR_STEPS = 64, 200
TRAINING_STEPS, PUZZLES = 400, 64


class Sample(NamedTuple):
    """The state of the process after a round."""

    elapsed_s: float
    rounds: int
    vector_steps: int
    """Steps of the native vector environment so far."""
    training_steps: int
    evaluated: int
    """Puzzles that were played so far."""
    resident_mb: float
    """Memory of the process that is in RAM."""


def resident_mb(process: int | str = "self") -> float:
    """Memory of a process that is in RAM, in megabytes, as Linux tells it; of one that has ended 0.

    Args:
        process: its number; by default this one.

    Raises:
        OSError: the system has no `/proc`.
    """
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(seconds: float, clock: Callable[[], float] = time.perf_counter) -> Iterator[Sample]:
    """Go on for so long; a sample a round.

    A round steps a new native vector environment, trains each of `METHODS` further, and scores it on part of the
    validation pool. Every tenth round starts new models.

    Args:
        seconds: for how long; a round that has begun is finished.
        clock: seconds that have passed.
    """
    gym.register_envs(trm_envs)
    about = suite(SUITE)
    validation = pool(about.env_id, about.env_kwargs, "validation")
    start, models, steps, trained, evaluated = clock(), {}, 0, 0, 0
    for round_number in count(1):
        steps += _vector_round(about.env_id, round_number)
        if round_number % 10 == 1:
            models = {name: _model(name, round_number) for name in METHODS}
        for name, model in models.items():
            before = model.num_timesteps
            model.learn(TRAINING_STEPS, reset_num_timesteps=False)
            trained += model.num_timesteps - before
            agent = baselines.method(name).agent(model, validation.mdp, np.random.default_rng(round_number))
            evaluated += evaluate(agent, validation.mdp, validation.instances[:PUZZLES]).n
        elapsed = clock() - start
        yield Sample(elapsed, round_number, steps, trained, evaluated, resident_mb())
        if elapsed >= seconds:
            return


def settled_mb(samples: list[Sample]) -> tuple[float, float]:
    """Median memory over the second quarter of the samples, and over the last one; the first one fills caches."""
    quarter = max(1, len(samples) // 4)
    second, last = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return statistics.median(s.resident_mb for s in second), statistics.median(s.resident_mb for s in last)


def _model(name: str, seed: int) -> Any:
    about = suite(SUITE)
    return baselines.method(name).with_settings(METHODS[name]).make(about.env_id, about.env_kwargs, seed)


def _vector_round(env_id: str, seed: int) -> int:
    """Uniform legal actions in a new vector environment; how many steps that were."""
    envs: Any = gym.make_vec(env_id, num_envs=VECTOR_ENVS, vectorization_mode="vector_entry_point")
    rng = np.random.default_rng(seed)
    _, info = envs.reset(seed=seed)
    for _ in range(VECTOR_STEPS):
        info = envs.step(draw_legal(info["action_mask"], rng))[4]
    envs.close()
    return VECTOR_ENVS * VECTOR_STEPS
