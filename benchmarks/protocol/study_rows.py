"""Rows of studies: what is measured beside the comparison of methods."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.protocol.rows import Origin, Renamed


@dataclass(frozen=True)
class PathsRow(Origin):
    """How many mazes of a pool a network marks right that was trained with labels."""

    network: str
    """Name in `benchmarks.studies.paths.NETWORKS`."""
    seed: int
    updates: int
    trained_on: int
    """Side of the training mazes."""
    weights: int
    depth: int
    """Layers that let cells exchange what they hold, one after the other: the most that training takes."""
    side: int
    """Of the mazes that are scored."""
    split: str
    cycles: str
    """Cycles a pass took, or `halting`: as many as the network asked for."""
    mean_cycles: float
    n: int
    exact: int
    """Mazes of which every cell was right."""
    cells: float
    """Share of cells that were right."""
    cpu_seconds: float
    """Of training."""
    pool_sha256: str
    schema: str = "paths/1"

    @property
    def key(self) -> tuple[str, int, int, int, int, str, str]:
        """What the row is the measurement of."""
        return self.network, self.seed, self.updates, self.trained_on, self.side, self.split, self.cycles


@dataclass(frozen=True)
class MiniGridRow(Origin):
    """How often a policy reaches the goal in a MiniGrid environment, after PPO has trained it there."""

    env_id: str
    view: str
    """What is observed: one of `benchmarks.studies.minigrid.VIEWS`."""
    policy: str
    """Name in `benchmarks.studies.minigrid.POLICIES`."""
    seed: int
    env_steps: int
    """Asked for; PPO makes whole rollouts."""
    weights: int
    n: int
    """Held-out episodes."""
    solved: int
    """Those that reached the goal, by the likeliest actions."""
    solved_sampled: int
    """The same with actions drawn from the policy."""
    cpu_seconds: float
    """Of training."""
    schema: str = "minigrid/2"

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What the row is the measurement of."""
        return self.env_id, self.view, self.policy, self.seed, self.env_steps


@dataclass(frozen=True, kw_only=True)
class DefaultsRow(Renamed, Origin):
    """One training run of UPITRM with its defaults, on a small task that any algorithm should learn."""

    task: str
    seed: int
    budget: int
    """Environment steps at most."""
    env_steps: int
    """Environment steps until `wanted` was reached, or all of the budget."""
    score: float
    """Best of the evaluations, in the unit of `wanted`."""
    wanted: float
    """The least score that counts as learned."""
    schema: str = "defaults/1"

    @property
    def key(self) -> tuple[str, int]:
        """What was learned."""
        return self.task, self.seed


@dataclass(frozen=True)
class ScalingRow(Origin):
    """A run of short cells on a launcher."""

    launcher: str
    workers: int
    """Cells at a time."""
    suite: str
    algo: str
    steps: int
    cells: int
    start_s: float
    """Seconds until the first work of a new launcher had ended."""
    wall_s: float
    """Seconds of the run."""
    cells_per_hour: float
    overhead_s: float
    """Seconds that a worker spends on a work beyond what its command takes by itself."""
    sent_bytes: float
    """Rows and files that travelled to a cell's node, the mean over cells; 0 where the folder is shared."""
    received_bytes: float
    """Rows and files that came back, the mean over cells."""
    model_bytes: int
    """A trained model, which is as large as a checkpoint."""
    schema: str = "scaling/1"

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What the row is the measurement of."""
        return self.launcher, self.workers, self.suite, self.algo, self.steps


@dataclass(frozen=True)
class SoakRow(Origin):
    """Memory of a process that stepped, trained and scored in turn for a while."""

    minutes: int
    """For how long it was asked to go on."""
    rounds: int
    vector_steps: int
    """Steps of native vector environments."""
    training_steps: int
    evaluated: int
    """Puzzles that were played."""
    early_mb: float
    """Memory in RAM, the median over rounds of the second quarter; the first one fills caches."""
    late_mb: float
    """The median over rounds of the last quarter."""
    limit_mb: int
    """Growth that counts as a failure."""
    schema: str = "soak/1"

    @property
    def key(self) -> int:
        """For how long it went on."""
        return self.minutes


@dataclass(frozen=True)
class StreamingRow(Origin):
    """Memory of a process that scores a large file, and goes on with what a killed one has left."""

    model: str
    puzzles: int
    killed_after: int
    """Puzzles with a row when the first process was killed with -9."""
    pieces: int
    """Rows at the end."""
    scored_twice: int
    """Of these, the ones of a piece that had a row already."""
    n: int
    """Puzzles of all rows."""
    solved: int
    first_mb: float
    """Memory in RAM of the process that went on, when its first piece was done."""
    peak_mb: float
    """The most of it from then on."""
    limit_mb: int
    """Growth that counts as a failure."""
    cpu_seconds: float
    """Of both processes."""
    schema: str = "streaming/1"

    @property
    def key(self) -> tuple[str, int]:
        """What was scored."""
        return self.model, self.puzzles


@dataclass(frozen=True, kw_only=True)
class RecedingRow(Origin):
    """Closed loops of one plan editor from the test states of a suite; see `trm_agents.trc.receding`."""

    suite: str
    editor: str
    """A model's name, or `noise`: uniform actions."""
    test: bool
    """Whether edited plans are taken only where they pass the acceptance test."""
    mu: float
    """Of Van der Pol; 0 for other systems."""
    noise: float
    """Standard deviation of what is added to both states after each step."""
    seed: int
    """Of the noise."""
    edits: int
    """At each step."""
    n: int
    """First states."""
    started: int
    """Those that had a feasible first plan; the others are in none of the fields below."""
    steps: int
    """Of all loops together."""
    accepted: int
    """Steps at which an edited plan was taken."""
    rises: int
    """Steps at which the continued plan's value did not fall by the stage cost, or the plan was infeasible."""
    worse: int
    """Steps at which the plan in force cost more than the continued one."""
    lost: int
    """Steps at which the plan in force was infeasible."""
    violations: int
    """Steps with any of these three."""
    mean_norm: float
    """Mean norm of the last state."""
    largest_norm: float
    pool_sha256: str
    schema: str = "receding/1"

    @property
    def key(self) -> tuple[str, str, bool, float, int, int]:
        """What was run."""
        return self.suite, self.editor, self.test, self.noise, self.seed, self.edits


@dataclass(frozen=True, kw_only=True)
class PlanningRow(Origin):
    """Processor time of one planner on first states of a suite; rows of one run were measured in one process."""

    suite: str
    planner: str
    """A model's name, a reference line's, or `ipopt`."""
    edits: int
    """0 where plans are not edited."""
    n: int
    """States that were planned for one by one; the gap is of these."""
    gap_mean: float | None
    """Mean of J / J* - 1; None where a plan is infeasible."""
    ms_1: float
    """Mean over them of the processor time, in ms."""
    ms_256: float | None
    """Of a state among 256 at once; None where one is planned for at a time."""
    pool_sha256: str
    schema: str = "planning/1"

    @property
    def key(self) -> tuple[str, str, int]:
        """What was timed."""
        return self.suite, self.planner, self.edits


@dataclass(frozen=True, kw_only=True)
class LatentsRow(Origin):
    """What the latent z_H of a controller holds after so many edits of plans for the test states of a suite.

    `of_*` are R^2 of a linear regression on its leading principal components, on states that it was not fitted on; they
    are negative where it tells less than the mean.
    """

    suite: str
    model: str
    edit: int
    n: int
    """States; the first half is fitted on, the second one scored."""
    offset: float
    """Share of the mean square of z_H that its mean over states has."""
    two: float
    """Share of the variance over states that two principal components have."""
    moved: float
    """Mean norm of the change by this edit, as a share of the norm."""
    of_position: float
    of_velocity: float
    """Of the first state."""
    of_optimum: float
    """Of log J*."""
    of_bound: float
    """Of the share of steps at which the optimal control is at its bound."""
    of_gap: float
    """Of the logarithm of the present plan's gap."""
    pool_sha256: str
    schema: str = "latents/1"

    @property
    def key(self) -> tuple[str, str, int]:
        """What was measured."""
        return self.suite, self.model, self.edit


@dataclass(frozen=True, kw_only=True)
class GrowthRow(Origin):
    """A model of one size of puzzle on test puzzles of a suite of any size, as it is."""

    suite: str
    agent: str
    """The model's name."""
    trained_env: str
    """Id of the environment that it was trained in."""
    line: str
    """`policy`, or `attempts=N`: N further attempts at most."""
    size: int
    """Side N of the grid."""
    tokens: int
    """Of one state."""
    n: int
    """Puzzles, the first of the test pool."""
    solved: int
    edits: float
    """Mean over them, as the next three; an unsolved one counts with its whole budget of edits."""
    network_calls: float
    inner_steps: float
    checks: float
    ms_1: float
    """Processor time of a pass of one state alone, by its inner steps, in ms."""
    ms_256: float
    """Of a state among 256 at once."""
    pool_sha256: str
    """Hash of these puzzles."""
    solved_bits: str
    """Which of them were solved: base64 of one bit a puzzle."""
    schema: str = "growth/1"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What was measured."""
        return self.suite, self.agent, self.line, self.pool_sha256
