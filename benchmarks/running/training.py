"""Training one cell: learning curve, checkpoints, progress, and going on after an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from baselines import Method
from benchmarks.protocol import records
from benchmarks.protocol.evaluation import Result
from benchmarks.protocol.folder import CURVE_POINTS, Cell
from benchmarks.protocol.rows import CurveRow
from benchmarks.protocol.suites import Suite
from benchmarks.running import models
from benchmarks.running.models import Cost, Label

FIRST_POINT = 1 / 64
"""Where the first point of a learning curve lies, as a fraction of the budget."""
CHECKPOINT_S = 60.0
"""Seconds of training between checkpoints."""
PROGRESS_S = 1.0
CHECKPOINT, BEFORE = "checkpoint.zip", "checkpoint-before.zip"
"""The newest checkpoint of a cell, and the one before, in case the newest is damaged."""


def curve_points(steps: int, count: int = CURVE_POINTS) -> list[int]:
    """Environment steps at which a run of `steps` is measured; the last is its end.

    Spaced evenly on a logarithmic axis, `count` of them where there are as many different steps.
    """
    return sorted({int(x) for x in np.geomspace(steps, max(1.0, steps * FIRST_POINT), count).round()})


class CellCallback(BaseCallback):
    """Measures the learning curve and writes checkpoints and progress.

    Args:
        cell: what is being trained.
        folder: where the cell's files go.
        measure: scores the current policy on validation puzzles.
        cost: the model's counters, given seconds of training.
        checkpoint: writes a checkpoint; None for an algorithm that could not resume from it exactly.
        wall_s: seconds trained before this process.
        points: measurements of the learning curve.
    """

    def __init__(
        self,
        cell: Cell,
        folder: Path,
        measure: Callable[[], Result],
        cost: Callable[[float], Cost],
        checkpoint: Callable[[float], None] | None,
        wall_s: float,
        points: int = CURVE_POINTS,
    ) -> None:
        super().__init__()
        self.cell, self.folder = cell, folder
        self.measure, self.cost, self.checkpoint = measure, cost, checkpoint
        self.points = curve_points(cell.steps, points)
        self.wall_s, self.since = wall_s, time.perf_counter()
        self.checkpointed = wall_s
        self.told = -PROGRESS_S

    @property
    def trained_s(self) -> float:
        """Seconds spent training, measuring excluded."""
        return self.wall_s + time.perf_counter() - self.since

    def _on_training_start(self) -> None:
        self.points = [point for point in self.points if point > self.num_timesteps]
        self.since = time.perf_counter()

    def _on_rollout_start(self) -> None:
        # Here nothing is in flight: a model loaded from this file begins its `learn` at the same place.
        if self.checkpoint is not None and self.trained_s - self.checkpointed >= CHECKPOINT_S:
            self.wall_s = self.trained_s
            self.checkpoint(self.wall_s)
            self.since = time.perf_counter()
            self.checkpointed = self.trained_s

    def _on_step(self) -> bool:
        if self.trained_s - self.told >= PROGRESS_S:
            records.write_atomically(self.folder / "progress.txt", str(self.num_timesteps))
            self.told = self.trained_s
        if self.points and self.points[0] <= self.num_timesteps < self.cell.steps:
            self._point()
        return True

    def _on_training_end(self) -> None:
        self._point()

    def _point(self) -> None:
        """Write one point of the learning curve; the clock stands still meanwhile."""
        self.wall_s = self.trained_s
        self.points = [point for point in self.points if point > self.num_timesteps]
        cost, result, cell = self.cost(self.wall_s), self.measure(), self.cell
        row = CurveRow(
            cell.suite,
            cell.algo,
            cell.seed,
            cell.steps,
            env_steps=self.num_timesteps,
            n=result.n,
            success=result.success,
            edits=result.mean_edits,
            model_queries=cost.model_queries,
            gradient_steps=cost.gradient_steps,
            wall_s=cost.wall_s,
        )
        records.append(self.folder / "curve.jsonl", row)
        self.since = time.perf_counter()


class Told(BaseCallback):
    """Says how many environment steps have been made, once a step of the environments."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        super().__init__()
        self.progress = progress

    def _on_step(self) -> bool:
        self.progress(self.num_timesteps)
        return True


def start_or_resume(
    cell: Cell, suite: Suite, folder: Path, method: Method, begun: Path | None = None
) -> tuple[BaseAlgorithm, float]:
    """The model to train, and seconds that it has been trained already, on `begun` included.

    A row that resumes exactly continues from its checkpoint as if it had never stopped, from the one before where that
    is damaged. SB3's algorithms save neither generators nor buffers, so their cells start again. Files of the
    run's own folder are trusted: whoever can write there decides on what its cells run.
    """
    for checkpoint in (folder / CHECKPOINT, folder / BEFORE) if method.resumes_exactly else ():
        if models.is_usable(checkpoint):
            return _resumed(checkpoint, suite, folder, method)
    (folder / "curve.jsonl").unlink(missing_ok=True)
    if begun is None:
        return method.make(suite.env_id, suite.env_kwargs, cell.seed), 0.0
    label = models.label_of(begun)
    assert label is not None
    first = method.load(str(begun), label.env_id, label.env_kwargs, trust=True)
    model = method.carry_over(first, suite.env_id, suite.env_kwargs, cell.seed)
    return model, models.cost_of(begun).wall_s


def _resumed(checkpoint: Path, suite: Suite, folder: Path, method: Method) -> tuple[BaseAlgorithm, float]:
    model = method.load(str(checkpoint), suite.env_id, suite.env_kwargs, trust=True)
    print(f"goes on from {checkpoint.name} at {model.num_timesteps} steps", flush=True)
    curve = folder / "curve.jsonl"
    for problem in records.set_aside(curve, CurveRow):
        print(f"{problem}: this point of the learning curve is lost", flush=True)
    # Points measured after the checkpoint belong to steps that are made again.
    records.rewrite(curve, [row for row in records.read(curve, CurveRow) if row.env_steps <= model.num_timesteps])
    return model, models.cost_of(checkpoint).wall_s


def train(
    cell: Cell,
    suite: Suite,
    folder: Path,
    method: Method,
    measure: Callable[[BaseAlgorithm], Result],
    points: int = CURVE_POINTS,
    begun: Path | None = None,
) -> None:
    """Train a cell to its budget and write `model.zip`, labelled with what it has cost.

    Args:
        cell: what to train.
        suite: what it is trained on.
        folder: where the cell's files go.
        method: the row of the cell.
        measure: scores the model on validation puzzles.
        points: measurements of its learning curve.
        begun: a model of the method that was trained elsewhere, to go on with; None: a new one.
    """
    model, wall_s = start_or_resume(cell, suite, folder, method, begun)

    def cost(seconds: float) -> Cost:
        return Cost.of(model, seconds)

    def save(name: str, seconds: float, before: str | None = None) -> None:
        label = Label(cell.algo, suite.env_id, suite.env_kwargs, cost(seconds))
        models.save(model, folder / name, label, None if before is None else folder / before)

    checkpoint = (lambda seconds: save(CHECKPOINT, seconds, BEFORE)) if method.resumes_exactly else None
    callback = CellCallback(cell, folder, lambda: measure(model), cost, checkpoint, wall_s, points)
    remaining = cell.steps - model.num_timesteps
    if remaining > 0:
        # The row's own come first: what they change is as it was when the last point is measured.
        callbacks = [*method.callbacks(suite.env_id), callback]
        model.learn(remaining, callback=CallbackList(callbacks), reset_num_timesteps=model.num_timesteps == 0)
    save("model.zip", callback.wall_s)
    for name in (CHECKPOINT, BEFORE):
        (folder / name).unlink(missing_ok=True)
