"""What a row means: the schemas of results, learning curves, trials and failures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from baselines import SolverKind

Kind = Literal["method", "line"]
CellKey = tuple[str, str, int, int]
"""(suite, algo, seed, steps)."""

UNIFORM = "uniform"
"""Guide of a search that prefers nothing: the same search without a network."""


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """A row whose method may have another name today than when the row was published."""

    published_as: str = ""
    """The name then, see `benchmarks.protocol.renamed`; empty for rows that were published since."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which code made a row, on which machine."""

    threads: int
    commit: str
    dirty: bool
    """Whether the code differed from the commit."""
    cpu: str
    versions: str
    command: str


@dataclass(frozen=True)
class ResultRow(Renamed, Origin):
    """One cell: a model (or reference line) scored on the whole test pool."""

    suite: str
    env_id: str
    legal_actions: str
    """Legal-action level that the cell was trained and scored at."""
    algo: str
    """A method's name, a solver line's, or a reference line's; see `benchmarks.protocol.names`."""
    kind: Kind
    seed: int
    steps: int
    """Budget of environment steps; 0 for a reference line."""
    n: int
    """Test puzzles, each solved or not in one greedy episode, or by one solver."""
    solved: int
    success: float
    success_sampled: float | None
    """Fraction solved when actions are sampled; None where the agent has no such mode."""
    edits: float
    """Mean edits spent on a test puzzle."""
    network_calls: float | None
    """Mean passes of the network on a test puzzle; None where nobody counted them, here and in the next two."""
    inner_steps: float | None
    """Mean inner steps of recursive networks on a test puzzle; 0 for networks without recursion."""
    checks: float | None
    """Mean plans that the checker or the rules judged on a test puzzle before an edit was chosen."""
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
    pool_sha256: str
    """Hash of the test pool."""
    solved_bits: str
    """Which test puzzles were solved: base64 of one bit a puzzle, in the pool's order."""
    schema: str = "result/2"

    SOLVED: ClassVar[str] = "solved"
    """What `solved` counts, in words."""

    @property
    def key(self) -> CellKey:
        """What the row is the result of."""
        return self.suite, self.algo, self.seed, self.steps

    @property
    def solved_mask(self) -> NDArray[np.bool_]:
        """Which test puzzles were solved, shape (n,)."""
        return unpack_bits(self.solved_bits, self.n)


@dataclass(frozen=True, kw_only=True)
class ShortestRow(ResultRow):
    """One cell of a suite of mazes that only a shortest path solves; `solved` counts any of them."""

    exact: int | None
    """Mazes solved by the path of `trm_envs.maze.paths.first_paths`; None where nobody counted."""
    schema: str = "shortest-result/1"


@dataclass(frozen=True, kw_only=True)
class ControlRow(ResultRow):
    """One cell of a system: plans of a model (or reference line) for the whole test pool.

    `solved` counts states whose plan is feasible and within 1 % of the reference optimum J*. All measures are of the
    best plan after the last edit, and no state is left out.
    """

    trained_env: str
    """Id of the environment that it was trained in; empty for a reference line."""
    simulated_steps: int
    """Control steps that training has simulated: those of all edited plans and of all plans judged for learning.

    An edit counts once, whatever its feedback or its restoration plays on the way."""
    feasible: int
    """States whose plan keeps every hard constraint."""
    reached: int
    """Those of them whose plan ends at the target."""
    violation: float
    """The worst of any state, in tolerances."""
    gap_mean: float | None
    """Mean of J / J* - 1; None where it is no number, here and in the next two: an infeasible plan counts as inf."""
    gap_median: float | None
    gap_p95: float | None
    by_edits: str
    """The same after fewer edits, as JSON; see `benchmarks.protocol.control.After`."""
    simulations: float | None
    """Mean plans that the simulator has played for a test state; None where nobody counted."""
    ms_1: float
    """Processor time of planning for one state alone, all edits together, in ms."""
    ms_256: float
    """The same of one state among 256 at once."""
    schema: str = "control-result/1"

    SOLVED: ClassVar[str] = "within 1 % of the optimum"


@dataclass(frozen=True)
class CurveRow(Renamed):
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
    schema: str = "curve/2"

    @property
    def key(self) -> tuple[str, str, int, int, int]:
        """What the point is the measurement of."""
        return self.suite, self.algo, self.seed, self.steps, self.env_steps


@dataclass(frozen=True)
class ComputeRow(Renamed, Origin):
    """Success on a test pool within a budget of test-time compute."""

    suite: str
    env_id: str
    guide: str
    """What guided the solver: a model file's name, or `UNIFORM`."""
    algo: str
    """The model's method; empty for `uniform`."""
    unroll: int | None
    """Inner steps of a recursive network, where they were not its own."""
    solver: SolverKind | None
    """None for the policy alone: one pass an edit."""
    budget: int
    """Most network calls of a search, attempts of `attempts`, 0 for the policy alone."""
    n: int
    solved: int
    success: float
    network_calls: float
    """Mean over all puzzles."""
    network_calls_solved: float | None
    """Median over the solved ones; None where there is none, or where calls were counted for all together."""
    inner_steps: float | None
    """Mean over all puzzles; None where nobody counted them."""
    checks: float | None
    """Plans that the checker or the rules judged, the mean over all puzzles; None where nobody counted them."""
    edits: float
    """Mean over all puzzles; an unsolved one counts with its whole budget of edits."""
    wall_s: float
    """Seconds of the run that gave the row; rows of the first edition have those of all budgets together."""
    pool_sha256: str
    """Hash of the puzzles."""
    solved_bits: str
    """Which puzzles were solved: base64 of one bit a puzzle, in the pool's order."""
    guesses: bool = False
    """Whether each call also guessed a whole plan, which the checker saw."""
    schema: str = "compute/3"

    @property
    def key(self) -> tuple[str, str, int | None, str | None, int, str]:
        """What the row is the measurement of."""
        return self.suite, self.guide, self.unroll, self.solver, self.budget, self.pool_sha256

    @property
    def guided_by(self) -> str:
        """What guided the solver, in words."""
        depth = "" if self.unroll is None else f", n = {self.unroll}"
        return f"{self.guide}{depth}{', with guesses' if self.guesses else ''}"


@dataclass(frozen=True)
class TuningRow(Renamed, Origin):
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
    """Validation puzzles or first states."""
    solved: int
    """Of states those whose plan is feasible and within 1 % of the reference optimum."""
    success: float
    score: float
    """The checker's score of the best plan of a greedy episode, mean over puzzles, as a share of a solved plan's; of
    systems 1 / (1 + the mean gap)."""
    success_sampled: float | None
    """Fraction solved when actions are sampled; chooses nothing. None where the agent has no such mode."""
    env_steps: int
    model_queries: int
    gradient_steps: int
    wall_s: float
    """Seconds spent training."""
    pool_sha256: str
    """Hash of the validation pool."""
    published_settings: str = ""
    """The settings under the names that they had when the row was published; empty where these are today's."""
    schema: str = "tuning/2"

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
class SpeedRow(Renamed, Origin):
    """One throughput measurement."""

    name: str
    value: float
    """Median over repeats, in `unit`."""
    lowest: float
    highest: float
    unit: str
    repeats: int
    schema: str = "speed/2"

    @property
    def key(self) -> str:
        """What was measured."""
        return self.name


@dataclass(frozen=True)
class RefutationRow(Renamed, Origin):
    """How many edits of one kind, in the first states of a test pool, a trained model believes dead (w < 1/2)."""

    suite: str
    algo: str
    seed: int
    steps: int
    rounds: str
    """The kind: `alive`, or dead and refuted by the survival bound, iterated without a network, in so many rounds."""
    edits: int
    believed_dead: int
    """Of an alive edit a wrong kill, of a dead one a catch."""
    pool_sha256: str
    schema: str = "refutation/1"

    @property
    def key(self) -> tuple[str, str, int, int, str]:
        """What the row is the measurement of."""
        return self.suite, self.algo, self.seed, self.steps, self.rounds


def pack_bits(solved: NDArray[np.bool_]) -> str:
    """Base64 of one bit a puzzle."""
    return base64.b64encode(np.packbits(solved).tobytes()).decode()


def unpack_bits(text: str, n: int) -> NDArray[np.bool_]:
    """The n bits that `pack_bits` wrote."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(np.bool_)
