"""One cell, in a process of its own: train, then score the final checkpoint on the test pool, once."""

from __future__ import annotations

import io
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from baselines import Method
from benchmarks.protocol import records, stats
from benchmarks.protocol.evaluation import Contestants, Result, evaluate, solve
from benchmarks.protocol.folder import CURVE_POINTS, Cell, Folder
from benchmarks.protocol.names import named
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.rows import ResultRow, pack_bits
from benchmarks.protocol.suites import Pool, Suite, pool, suite
from benchmarks.running import models
from benchmarks.running.guard import alone
from benchmarks.running.models import Cost
from trm_envs.plan_edit.task import Grids

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

VALIDATION_PUZZLES = 128
"""Puzzles of the validation pool that a point of a learning curve is measured on, spread evenly over it."""

NOTHING = Cost(env_steps=0, model_queries=0, gradient_steps=0, parameters=0, wall_s=0.0)
"""What training a reference line costs."""


def run_cell(
    cell: Cell, folder: Folder, contestants: Contestants, threads: int, command: str, points: int = CURVE_POINTS
) -> ResultRow:
    """Train (or go on training) a cell, or take a reference line; score it and append its row.

    Args:
        cell: what to run.
        folder: the run's folder.
        contestants: methods and reference lines.
        threads: of the numeric libraries of this process.
        command: what the row says it came from.
        points: measurements of the learning curve.
    """
    row = suite(cell.suite)
    if cell.kind == "line":
        test = pool(row.env_id, row.env_kwargs, "test")
        agent = contestants.LINES[cell.algo].agent(test.mdp, np.random.default_rng(cell.seed))
        greedy, sampled, cost = evaluate(agent, *test), None, NOTHING
    else:
        method = contestants.METHODS[cell.trained.algo]
        row = row._replace(env_kwargs=method.env_kwargs_for(row.env_kwargs))
        test = pool(row.env_id, row.env_kwargs, "test")
        greedy, sampled, cost = _trained(cell, row, folder, method, threads, points, test)
    _save_outcomes(folder.of_cell(cell) / "outcomes.npz", greedy, sampled)
    result = _row(cell, row, test, greedy, sampled, cost, threads, command)
    records.append(folder.rows_file, result)
    return result


def _trained(
    cell: Cell, row: Suite, folder: Folder, method: Method, threads: int, points: int, test: Pool
) -> tuple[Result, Result | None, Cost]:
    """Outcomes of the final checkpoint, greedy and sampled, and what it has cost; a solver has no samples."""
    # Reference lines do not need it.
    import torch

    torch.set_num_threads(threads)
    path = _model(cell.trained, row, folder, method, points)
    label = models.label_of(path)
    assert label is not None and label.cost is not None
    # What is scored is the file that is kept, not what happens to be in memory.
    model = _at_home(row, method, method.load(str(path), label.env_id, label.env_kwargs))
    name = named(cell.algo)
    if name.solver is not None:
        solver = method.solver(model, test.mdp, row.env_id, name.solver, name.budget)
        return solve(solver, *test), None, label.cost
    agent = method.agent(model, test.mdp, np.random.default_rng(cell.seed))
    return evaluate(agent, *test), evaluate(agent, *test, deterministic=False), label.cost


def _model(cell: Cell, row: Suite, folder: Folder, method: Method, points: int) -> Path:
    """The final model of a cell on its suite; trained now, unless it is there.

    Raises:
        ValueError: the cell's budget ends before training on its own suite begins.
    """
    home = row if row.trained_on is None else _of_method(row.trained_on, method)
    # A suite that this one's methods train on may have trained the same cell.
    paths = [folder.of_cell(cell._replace(suite=name)) / "model.zip" for name in (row.name, home.name)]
    with alone(folder.lock_cell(cell, "model"), f"the model of {cell}"):
        # Whoever held the lock may have trained it.
        return next(filter(models.is_usable, paths), None) or _train(cell, row, home, folder, method, points)


def drawn_from(cell: Cell) -> list[Cell]:
    """The cells in whose folders `run_cell` may find what it goes on from: its own, and those of other suites."""
    row, trained = suite(cell.suite), cell.trained
    found = [cell, trained, *([trained._replace(suite=row.trained_on)] if row.trained_on else [])]
    if row.begun_on is not None:
        name, steps = row.begun_on
        found += drawn_from(trained._replace(suite=name, steps=steps))
    return list(dict.fromkeys(found))


def _train(cell: Cell, row: Suite, home: Suite, folder: Folder, method: Method, points: int) -> Path:
    """Train a cell's model on `home`, to be scored on `row`; see `_model`."""
    # Reference lines do not need it.
    from benchmarks.running.training import train

    begun = None
    if row.begun_on is not None:
        name, steps = row.begun_on
        if cell.steps <= steps:
            raise ValueError(f"{row.name} begins with {steps} steps of {name}: ask for more than {cell.steps}")
        begun = _model(cell._replace(suite=name, steps=steps), _of_method(name, method), folder, method, points)
    validation = pool(row.env_id, row.env_kwargs, "validation")
    puzzles = spread(validation.instances, VALIDATION_PUZZLES)

    def measure(model: BaseAlgorithm) -> Result:
        agent = method.agent(_at_home(row, method, model), validation.mdp, np.random.default_rng(cell.seed))
        return evaluate(agent, validation.mdp, puzzles)

    train(cell, home, folder.of_cell(cell), method, measure, points, begun)
    return folder.of_cell(cell) / "model.zip"


def _of_method(name: str, method: Method) -> Suite:
    """A suite at the legal-action level of a method."""
    found = suite(name)
    return found._replace(env_kwargs=method.env_kwargs_for(found.env_kwargs))


def _at_home(row: Suite, method: Method, model: BaseAlgorithm) -> BaseAlgorithm:
    """The model of a cell, carried over where its suite has it trained elsewhere."""
    return model if row.trained_on is None else method.carry_over(model, row.env_id, row.env_kwargs)


def spread(instances: Grids, count: int) -> Grids:
    """At most `count` instances, evenly over the pool: one pool may hold kinds of instances one after the other."""
    chosen = np.linspace(0, len(instances), min(count, len(instances)), endpoint=False).astype(np.int64)
    return instances[chosen]


def _row(
    cell: Cell,
    row: Suite,
    test: Pool,
    greedy: Result,
    sampled: Result | None,
    cost: Cost,
    threads: int,
    command: str,
) -> ResultRow:
    return ResultRow(
        suite=cell.suite,
        env_id=row.env_id,
        legal_actions=test.mdp.legal_actions,
        algo=cell.algo,
        kind=cell.kind,
        seed=cell.seed,
        steps=cell.steps,
        n=greedy.n,
        solved=greedy.n_solved,
        success=greedy.success,
        success_sampled=None if sampled is None else sampled.success,
        edits=greedy.mean_edits,
        **greedy.mean_compute._asdict(),
        env_steps=cost.env_steps,
        model_queries=cost.model_queries,
        gradient_steps=cost.gradient_steps,
        parameters=cost.parameters,
        wall_s=cost.wall_s,
        pool_sha256=pool_hash(test.instances),
        solved_bits=pack_bits(greedy.solved),
        threads=threads,
        command=command,
        **provenance()._asdict(),
    )


def _save_outcomes(path: Path, greedy: Result, sampled: Result | None) -> None:
    """What became of each test puzzle, for a closer look than the row's bits."""
    out = io.BytesIO()
    arrays = {field.name: getattr(greedy, field.name) for field in fields(greedy)}
    if sampled is not None:
        arrays |= {"solved_sampled": sampled.solved, "edits_sampled": sampled.edits}
    np.savez_compressed(out, allow_pickle=False, **arrays)
    records.write_atomically(path, out.getvalue())


def describe(row: ResultRow) -> str:
    """One line about a finished cell."""
    interval = stats.wilson_interval(row.solved, row.n)
    return (
        f"{row.suite} {row.algo} seed {row.seed}: {row.solved} of {row.n} solved "
        f"({row.success:.1%}, Wilson {interval.lo:.1%} to {interval.hi:.1%}) in {row.wall_s:.0f} s of training"
    )
