"""Closed loops of plan editors on a suite's test states, with the acceptance test and without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from benchmarks.protocol.control import ControlPool
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.study_rows import RecedingRow
from trm_agents.trc.playing import Predicts
from trm_agents.trc.receding import ClosedLoop, Receding
from trm_envs.control.quadratic import QuadraticTask

NOISE = "noise"
"""Name of the editor whose actions are uniform noise."""


class Noise:
    """An editor that knows nothing: uniform actions within [-1, 1].

    Args:
        size: numbers of an action.
        seed: of the actions.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.rng = size, np.random.default_rng(seed)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Actions, shape (B, size); nothing is carried."""
        return self.rng.uniform(-1.0, 1.0, (len(observation["plan"]), self.size)), None


class Loop(NamedTuple):
    """How a loop is run."""

    steps: int
    """Of each first state."""
    edits: int
    """At each step."""
    noise: float
    """Standard deviation of what is added to both states after each step."""
    seed: int
    """Of the noise, and of an editor that draws."""


def mu_of(pool: ControlPool) -> float:
    """The mu of all first states of a pool; 0 where the system has none.

    Raises:
        ValueError: the system is no quadratic one, or mu varies.
    """
    task = pool.mdp.task
    if not isinstance(task, QuadraticTask):
        raise ValueError(f"receding-horizon control needs a quadratic system, got {type(task).__name__}")
    found = np.unique(pool.instances[:, task.n_states :])
    if len(found) > 1:
        raise ValueError("mu varies in this pool, and a terminal set belongs to one mu: choose a suite of a single mu")
    return float(found[0]) if len(found) else 0.0


def measure(
    suite: str,
    pool: ControlPool,
    model: Predicts,
    name: str,
    loops: Sequence[Loop],
    threads: int,
    command: str,
) -> Iterator[RecedingRow]:
    """A row for each loop, of a model and of noise in its place, with the acceptance test and without it.

    Args:
        suite: name of the suite.
        pool: its first states.
        model: what edits.
        name: what rows call it.
        loops: how loops are run.
        threads: of the numeric libraries.
        command: what the rows say they came from.
    """
    mu, seen = mu_of(pool), getattr(model, "observation_space", None)
    gradient = isinstance(seen, spaces.Dict) and "gradient" in seen.spaces
    about = {"threads": threads, "command": command, **provenance()._asdict()}
    for loop in loops:
        for editor in (name, NOISE):
            for test in (True, False):
                chosen = Noise(pool.mdp.task.action_size, loop.seed) if editor == NOISE else model
                observe = "gradient" if gradient and editor != NOISE else "error"
                controller = Receding(chosen, pool.mdp, mu, loop.edits, observe, test)  # type: ignore[arg-type]
                found = controller.run(pool.instances, loop.steps, loop.noise, loop.seed)
                yield _row(found, suite, editor, test, mu, loop, pool_hash(pool.instances), about)


def _row(
    found: ClosedLoop, suite: str, editor: str, test: bool, mu: float, loop: Loop, pool: str, about: dict[str, Any]
) -> RecedingRow:
    ends = np.hypot(found.states[:, -1, 0], found.states[:, -1, 1])
    return RecedingRow(
        suite=suite,
        editor=editor,
        test=test,
        mu=mu,
        noise=loop.noise,
        seed=loop.seed,
        edits=loop.edits,
        n=len(found.started),
        started=int(found.started.sum()),
        steps=found.controls.size,
        accepted=int(found.accepted.sum()),
        rises=int(found.rises.sum()),
        worse=int(found.worse.sum()),
        lost=int(found.lost.sum()),
        violations=found.violations,
        mean_norm=float(ends.mean()),
        largest_norm=float(ends.max()),
        pool_sha256=pool,
        **about,
    )
