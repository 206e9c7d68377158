"""What a row means: the schemas of results, learning curves, trials and failures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["method", "line"]
CellKey = tuple[str, str, int, int]
"""(suite, algo, seed, steps)."""

UNIFORM = "uniform"
"""Guide of a search that prefers nothing: the same search without a network."""


@dataclass(frozen=True)
class ResultRow:
    """One cell: a model (or reference line) scored on the whole test pool."""

    suite: str
    env_id: str
    legal_actions: str
    """Legal-action level that the cell was trained and scored at."""
    algo: str
    kind: Kind
    seed: int
    steps: int
    """Budget of environment steps; 0 for a reference line."""
    n: int
    """Test puzzles, each solved or not in one greedy episode."""
    solved: int
    success: float
    success_sampled: float | None
    """Fraction solved when actions are sampled; None where the agent has no such mode."""
    edits: float
    """Mean edits spent on a test puzzle."""
    env_steps: int
    """`env.step` calls made in training, warm-up included."""
    model_queries: int
    """Successors enumerated through the MDP in training."""
    gradient_steps: int
    """Optimiser steps."""
    parameters: int
    """Trainable parameters of the policy."""
    wall_s: float
    """Seconds spent training; evaluation is not counted."""
    threads: int
    pool_sha256: str
    """Hash of the test pool."""
    solved_bits: str
    """Which test puzzles were solved: base64 of one bit a puzzle, in the pool's order."""
    commit: str
    dirty: bool
    """Whether the code differed from the commit."""
    cpu: str
    versions: str
    command: str
    schema: str = "result/1"

    @property
    def key(self) -> CellKey:
        """What the row is the result of."""
        return self.suite, self.algo, self.seed, self.steps

    @property
    def solved_mask(self) -> NDArray[np.bool_]:
        """Which test puzzles were solved, shape (n,)."""
        return unpack_bits(self.solved_bits, self.n)


@dataclass(frozen=True)
class CurveRow:
    """One point of a learning curve, on part of the validation pool."""

    suite: str
    algo: str
    seed: int
    steps: int
    """Budget of the run that the point belongs to."""
    env_steps: int
    """Environment steps made when it was measured."""
    n: int
    success: float
    edits: float
    model_queries: int
    gradient_steps: int
    wall_s: float
    schema: str = "curve/1"

    @property
    def key(self) -> tuple[str, str, int, int, int]:
        """What the point is the measurement of."""
        return self.suite, self.algo, self.seed, self.steps, self.env_steps


@dataclass(frozen=True)
class ComputeRow:
    """Success on a test pool within a budget of network calls a puzzle."""

    suite: str
    env_id: str
    guide: str
    """What guided the search: a model file's name, or `UNIFORM`."""
    algo: str
    """The model's method; empty for `uniform`."""
    unroll: int | None
    """Inner steps of a recursive network, where they were not its own."""
    budget: int
    """Most network calls a puzzle; 0 = one greedy episode without search: one call an edit, and one a restart."""
    n: int
    solved: int
    success: float
    network_calls: float
    """Mean over all puzzles."""
    network_calls_solved: float | None
    """Median over the solved ones; None where there is none, or where calls were counted for all together."""
    edits: float
    """Mean over all puzzles; an unsolved one counts with its whole budget of edits."""
    judged_per_call: float
    """Plans that the rules judged in the search, a network call; over the whole run."""
    wall_s: float
    """Seconds of the whole run, which gives the rows of all budgets."""
    threads: int
    pool_sha256: str
    """Hash of the puzzles."""
    solved_bits: str
    """Which puzzles were solved: base64 of one bit a puzzle, in the pool's order."""
    commit: str
    dirty: bool
    cpu: str
    versions: str
    command: str
    guesses: bool = False
    """Whether each call also guessed a whole plan, which the checker saw."""
    schema: str = "compute/2"

    @property
    def key(self) -> tuple[str, str, int | None, int, str]:
        """What the row is the measurement of."""
        return self.suite, self.guide, self.unroll, self.budget, self.pool_sha256

    @property
    def guided_by(self) -> str:
        """What guided the search, in words."""
        depth = "" if self.unroll is None else f", n = {self.unroll}"
        return f"{self.guide}{depth}{', with guesses' if self.guesses and self.budget else ''}"


@dataclass(frozen=True)
class TuningRow:
    """One trial of a method's tuning, scored on the whole validation pool."""

    suite: str
    algo: str
    seed: int
    """Of the model, and of what draws the trials."""
    steps: int
    trial: int
    settings: str
    """What was tried, as JSON: setting -> value, named as in `baselines.spaces`."""
    n: int
    """Validation puzzles."""
    solved: int
    success: float
    score: float
    """The checker's score of the best plan of a greedy episode, mean over puzzles, as a share of a solved plan's."""
    success_sampled: float
    """Fraction solved when actions are sampled; chooses nothing."""
    env_steps: int
    model_queries: int
    gradient_steps: int
    wall_s: float
    """Seconds spent training."""
    threads: int
    pool_sha256: str
    """Hash of the validation pool."""
    commit: str
    dirty: bool
    cpu: str
    versions: str
    command: str
    schema: str = "tuning/1"

    @property
    def key(self) -> tuple[str, str, int, int, int]:
        """What the row is the trial of."""
        return self.suite, self.algo, self.seed, self.steps, self.trial


@dataclass(frozen=True)
class FailureRow:
    """A cell that ended without a result."""

    suite: str
    algo: str
    seed: int
    steps: int
    exit_code: int
    error: str
    """The end of its log, with the traceback."""
    schema: str = "failure/1"

    @property
    def key(self) -> CellKey:
        """What failed."""
        return self.suite, self.algo, self.seed, self.steps


@dataclass(frozen=True)
class SpeedRow:
    """One throughput measurement."""

    name: str
    value: float
    """Median over repeats, in `unit`."""
    lowest: float
    highest: float
    unit: str
    repeats: int
    threads: int
    cpu: str
    commit: str
    dirty: bool
    versions: str
    command: str
    schema: str = "speed/1"

    @property
    def key(self) -> str:
        """What was measured."""
        return self.name


def pack_bits(solved: NDArray[np.bool_]) -> str:
    """Base64 of one bit a puzzle."""
    return base64.b64encode(np.packbits(solved).tobytes()).decode()


def unpack_bits(text: str, n: int) -> NDArray[np.bool_]:
    """The n bits that `pack_bits` wrote."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(np.bool_)
