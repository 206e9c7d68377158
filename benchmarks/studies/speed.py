"""Throughput of the environments, of the puzzle generator and of training.

Actions are drawn before the clock starts: a first pass over the same seeds draws uniform legal actions from the masks
and keeps them, and environments are deterministic, so the timed passes replay legal actions and pay for resets too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import trm_envs

REPEATS = 5
VECTOR_ENVS = 1024
VECTOR_STEPS = 200
SINGLE_STEPS = 20_000
PUZZLES = 1_000
WARM_UP_STEPS, TRAINING_STEPS = 2_000, 1_000
SEED = 0


class Rate(NamedTuple):
    """One measurement: a rate of every repeat."""

    name: str
    unit: str
    values: list[float]

    @property
    def median(self) -> float:
        """Median over repeats."""
        return statistics.median(self.values)


def draw_legal(mask: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int64]:
    """One legal action of each row of a mask, uniformly, shape (B,)."""
    return np.asarray(np.where(mask > 0, rng.random(mask.shape), -1.0).argmax(axis=1), np.int64)


def timed(amount: int, run: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Amount a second of each repeat."""
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        rates.append(amount / (time.perf_counter() - start))
    return rates


def vector_rate(env_id: str, num_envs: int = VECTOR_ENVS, steps: int = VECTOR_STEPS) -> Rate:
    """Environment steps a second of the native vector environment."""
    gym.register_envs(trm_envs)
    envs: Any = gym.make_vec(env_id, num_envs=num_envs, vectorization_mode="vector_entry_point")
    rng = np.random.default_rng(SEED)
    actions = []
    _, info = envs.reset(seed=SEED)
    for _ in range(steps):
        actions.append(draw_legal(info["action_mask"], rng))
        info = envs.step(actions[-1])[4]

    def replay() -> None:
        envs.reset(seed=SEED)
        for action in actions:
            envs.step(action)

    return Rate(f"{env_id}, native vector env, {num_envs} episodes", "steps/s", timed(steps * num_envs, replay))


def single_rate(env_id: str, steps: int = SINGLE_STEPS) -> Rate:
    """Environment steps a second of one `gym.make` environment, wrappers as `gym.make` sets them."""
    gym.register_envs(trm_envs)
    env: Any = gym.make(env_id)
    rng = np.random.default_rng(SEED)
    actions: list[int | None] = [None]
    _, info = env.reset(seed=SEED)
    for _ in range(steps):
        actions.append(int(draw_legal(info["action_mask"][None], rng)[0]))
        _, _, terminated, _, info = env.step(actions[-1])
        if terminated:
            _, info = env.reset()
            actions.append(None)

    def replay() -> None:
        """Take the same steps again."""
        env.reset(seed=SEED)
        for action in actions[1:]:
            if action is None:
                env.reset()
            else:
                env.step(action)

    return Rate(f"{env_id}, one gym.make env", "steps/s", timed(steps, replay))


def generator_rate(count: int = PUZZLES) -> Rate:
    """Unique 9x9 puzzles with 49-56 blanks a second."""
    from trm_envs.sudoku.generator import generate

    rng = np.random.default_rng(SEED)
    generate(9, (49, 56), 2, rng)  # compiles
    run = timed(count, lambda: generate(9, (49, 56), count, rng))
    return Rate("9x9 puzzles, 49-56 blanks, uniquely solvable, generated", "puzzles/s", run)


def training_rate(suite_name: str, warm_up: int = WARM_UP_STEPS, steps: int = TRAINING_STEPS) -> Rate:
    """Environment steps a second of training `hindsight_trm` whole, once its memory holds something to learn from."""
    import torch

    import baselines
    from benchmarks.protocol.suites import suite

    torch.set_num_threads(1)
    row = suite(suite_name)
    model = baselines.method("hindsight_trm").make(row.env_id, row.env_kwargs, SEED)
    model.learn(warm_up)
    run = timed(steps, lambda: model.learn(steps, reset_num_timesteps=False))
    return Rate(f"hindsight_trm, training on {suite_name}", "steps/s", run)


def measurements() -> list[Callable[[], Rate]]:
    """Everything that `speed` measures."""
    return [
        lambda: vector_rate("SudokuPlanEdit-9x9-v0"),
        lambda: vector_rate("SudokuPlanEdit-4x4-v0"),
        lambda: single_rate("SudokuPlanEdit-9x9-v0"),
        generator_rate,
        lambda: training_rate("sudoku-9x9"),
        lambda: training_rate("sudoku-4x4-minimal"),
    ]
