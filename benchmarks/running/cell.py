"""One cell, in a process of its own: train, then score the final checkpoint on the test pool, once."""

from __future__ import annotations

import io
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baselines import Method
from benchmarks.protocol import records, stats
from benchmarks.protocol.checks import ALL_LEGAL
from benchmarks.protocol.control import ControlPool
from benchmarks.protocol.evaluation import Contestants, Result
from benchmarks.protocol.folder import CURVE_POINTS, Cell, Folder
from benchmarks.protocol.names import named
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.rows import ControlRow, ResultRow, ShortestRow, pack_bits
from benchmarks.protocol.suites import Pool, Suite, scored_pool, suite
from benchmarks.running import models
from benchmarks.running.guard import alone
from benchmarks.running.models import Cost
from benchmarks.running.scoring import Scored, control_facts, exact_matches, measure, score_line, score_model

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
    row, method, cost = suite(cell.suite), None, NOTHING
    if cell.kind == "line":
        test = scored_pool(row.env_id, row.env_kwargs, "test")
        scored = score_line(contestants.LINES[cell.algo], test, cell.seed)
    else:
        method = contestants.METHODS[cell.trained.algo]
        row = row._replace(env_kwargs=method.env_kwargs_for(row.env_kwargs))
        test = scored_pool(row.env_id, row.env_kwargs, "test")
        scored, cost = _trained(cell, row, folder, method, threads, points, test)
    _save_outcomes(folder.of_cell(cell) / "outcomes.npz", scored)
    facts = _facts(cell, row, test, scored, cost, threads, command)
    result: ResultRow
    if isinstance(test, ControlPool):
        result = ControlRow(**facts, **control_facts(method, row.env_id, test, scored, cost))
    elif (exact := exact_matches(test, scored.greedy)) is not None:
        result = ShortestRow(**facts, exact=exact)
    else:
        result = ResultRow(**facts)
    records.append(folder.rows_file, result)
    return result


def _trained(
    cell: Cell, row: Suite, folder: Folder, method: Method, threads: int, points: int, test: Pool | ControlPool
) -> tuple[Scored, Cost]:
    """Outcomes of the final checkpoint, and what it has cost."""
    # Reference lines do not need it.
    import torch

    torch.set_num_threads(threads)
    path = _model(cell.trained, row, folder, method, points)
    label = models.label_of(path)
    assert label is not None and label.cost is not None
    # What is scored is the file that is kept, not what happens to be in memory.
    model = _at_home(row, method, method.load(str(path), label.env_id, label.env_kwargs, trust=True))
    return score_model(method, model, test, named(cell.algo), row.env_id, cell.seed), label.cost


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
    found = [cell, trained]
    if row.trained_on is not None:
        found += drawn_from(trained._replace(suite=row.trained_on))
    if row.begun_on is not None:
        name, steps = row.begun_on
        found += drawn_from(trained._replace(suite=name, steps=steps))
    return list(dict.fromkeys(found))


def _train(cell: Cell, row: Suite, home: Suite, folder: Folder, method: Method, points: int) -> Path:
    """Train a cell's model on `home`, to be scored on `row`; see `_model`."""
    # Reference lines do not need it.
    from benchmarks.running.training import train

    begun = None
    if home.begun_on is not None:
        name, steps = home.begun_on
        if cell.steps <= steps:
            raise ValueError(f"{home.name} begins with {steps} steps of {name}: ask for more than {cell.steps}")
        begun = _model(cell._replace(suite=name, steps=steps), _of_method(name, method), folder, method, points)
    validation = scored_pool(row.env_id, row.env_kwargs, "validation")
    part = validation.chosen(spread(len(validation.instances), VALIDATION_PUZZLES))

    def measured(model: BaseAlgorithm) -> Result:
        return measure(method, _at_home(row, method, model), part, cell.seed)

    train(cell, home, folder.of_cell(cell), method, measured, points, begun)
    return folder.of_cell(cell) / "model.zip"


def _of_method(name: str, method: Method) -> Suite:
    """A suite at the legal-action level of a method."""
    found = suite(name)
    return found._replace(env_kwargs=method.env_kwargs_for(found.env_kwargs))


def _at_home(row: Suite, method: Method, model: BaseAlgorithm) -> BaseAlgorithm:
    """The model of a cell, carried over where its suite has it trained elsewhere."""
    return model if row.trained_on is None else method.carry_over(model, row.env_id, row.env_kwargs)


def spread(n: int, count: int) -> NDArray[np.int64]:
    """At most `count` of n places, evenly: one pool may hold kinds of instances one after the other."""
    return np.linspace(0, n, min(count, n), endpoint=False).astype(np.int64)


def _facts(
    cell: Cell, row: Suite, test: Pool | ControlPool, scored: Scored, cost: Cost, threads: int, command: str
) -> dict[str, Any]:
    """What every result says."""
    greedy, sampled = scored.greedy, scored.sampled
    return {
        "suite": cell.suite,
        "env_id": row.env_id,
        "legal_actions": ALL_LEGAL if isinstance(test, ControlPool) else test.mdp.legal_actions,
        "algo": cell.algo,
        "kind": cell.kind,
        "seed": cell.seed,
        "steps": cell.steps,
        "n": greedy.n,
        "solved": greedy.n_solved,
        "success": greedy.success,
        "success_sampled": None if sampled is None else sampled.success,
        "edits": greedy.mean_edits,
        **greedy.mean_compute._asdict(),
        "env_steps": cost.env_steps,
        "model_queries": cost.model_queries,
        "gradient_steps": cost.gradient_steps,
        "parameters": cost.parameters,
        "wall_s": cost.wall_s,
        "pool_sha256": pool_hash(test.instances),
        "solved_bits": pack_bits(greedy.solved),
        "threads": threads,
        "command": command,
        **provenance()._asdict(),
    }


def _save_outcomes(path: Path, scored: Scored) -> None:
    """What became of each test instance, for a closer look than the row's bits."""
    out = io.BytesIO()
    arrays = {field.name: getattr(scored.greedy, field.name) for field in fields(scored.greedy)}
    if scored.sampled is not None:
        arrays |= {"solved_sampled": scored.sampled.solved, "edits_sampled": scored.sampled.edits}
    np.savez_compressed(out, allow_pickle=False, **arrays)
    records.write_atomically(path, out.getvalue())


def describe(row: ResultRow) -> str:
    """One line about a finished cell."""
    interval = stats.wilson_interval(row.solved, row.n)
    exact = row.exact if isinstance(row, ShortestRow) else None
    return (
        f"{row.suite} {row.algo} seed {row.seed}: {row.solved} of {row.n} {row.SOLVED} "
        f"({row.success:.1%}, Wilson {interval.lo:.1%} to {interval.hi:.1%})"
        f"{'' if exact is None else f', {exact} of them by exact match,'} in {row.wall_s:.0f} s of training"
    )
