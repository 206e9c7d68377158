"""Scoring files of puzzles that are larger than memory: piece by piece, by worker processes, going on where it stopped.

A piece leaves one row with its sums behind. Rows are all that is stored, and all that the result is made from.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.protocol import records
from benchmarks.protocol.evaluation import MeanCompute, Result
from benchmarks.protocol.provenance import pool_hash, set_threads
from trm_envs.plan_edit.task import Grids
from trm_envs.reading import Batch

AHEAD = 2
"""Pieces that are read ahead for each worker; bounds memory."""

Score = Callable[[Any, Grids], tuple[Result, int]]
"""Scores puzzles, shape (n, n_cells), as it is asked to; a function of a module, which workers import."""


@dataclass(frozen=True)
class PieceRow:
    """Sums over the puzzles of a piece of a file."""

    asked: str
    """Hash of the model and of all that the result depends on."""
    piece: int
    puzzles_sha256: str
    n: int
    solved: int
    edits: int
    network_calls: int
    inner_steps: int
    checks: int
    calls_solved: str
    """Network calls -> solved puzzles that took as many, as JSON."""
    schema: str = "piece/1"

    @property
    def key(self) -> tuple[str, int, str]:
        """What the row is the measurement of."""
        return self.asked, self.piece, self.puzzles_sha256


class Totals(NamedTuple):
    """What all pieces come to; means are over puzzles."""

    n: int
    solved: int
    edits: float
    compute: MeanCompute
    network_calls_solved: float | None
    """Median over solved puzzles; None where there is none."""


def stream(
    pieces: Iterator[Batch],
    score: Score,
    options: Any,
    asked: str,
    path: Path,
    workers: int,
    told: Callable[[int], None],
) -> Totals:
    """Score all pieces that have no row yet.

    Args:
        pieces: of the file, in order.
        score: what workers call, with `options`.
        options: what it is asked with.
        asked: hash of the model and of all that the result depends on.
        path: a `.jsonl` file for the rows; those of other questions in it are left alone.
        workers: processes.
        told: called with the number of puzzles scored so far.

    Raises:
        ValueError: a puzzle is flawed, a row is damaged, or there is no puzzle.
    """
    done = {row.key: row for row in records.read(path, PieceRow)}
    found: list[PieceRow] = []
    # Not forked: a worker begins without the numeric libraries of this process, and with one thread.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=set_threads, initargs=(1,)) as pool:
        under_way: dict[Future[PieceRow], str] = {}

        def take(every: bool) -> None:
            ended = wait(under_way, return_when=FIRST_COMPLETED).done
            while ended:
                for future in ended:
                    place = under_way.pop(future)
                    found.append(_row_of(future, place))
                    records.append(path, found[-1])
                told(sum(row.n for row in found))
                ended = wait(under_way, return_when=FIRST_COMPLETED).done if every and under_way else set()

        try:
            for number, (grids, place) in enumerate(pieces):
                digest = pool_hash(grids)
                if (asked, number, digest) in done:
                    found.append(done[asked, number, digest])
                    told(sum(row.n for row in found))
                    continue
                under_way[pool.submit(_scored, score, options, grids, asked, number, digest)] = place(0)
                if len(under_way) >= AHEAD * workers:
                    take(every=False)
            if under_way:
                take(every=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _totals(found)


def _row_of(future: Future[PieceRow], place: str) -> PieceRow:
    try:
        return future.result()
    except ValueError as error:
        raise ValueError(f"in the piece that begins at {place}: {error}") from error


def _scored(score: Score, options: Any, grids: Grids, asked: str, number: int, digest: str) -> PieceRow:
    """The row of a piece; runs in a worker."""
    found, _ = score(options, grids)
    calls = Counter(found.network_calls[found.solved].tolist())
    return PieceRow(
        asked=asked,
        piece=number,
        puzzles_sha256=digest,
        n=found.n,
        solved=found.n_solved,
        edits=int(found.edits.sum()),
        network_calls=int(found.network_calls.sum()),
        inner_steps=int(found.inner_steps.sum()),
        checks=int(found.checks.sum()),
        calls_solved=json.dumps(dict(sorted(calls.items()))),
    )


def _totals(rows: list[PieceRow]) -> Totals:
    if not rows:
        raise ValueError("there is no puzzle to score")
    n = sum(row.n for row in rows)
    edits, *compute = (sum(getattr(row, name) for row in rows) / n for name in ("edits", *MeanCompute._fields))
    calls: Counter[int] = Counter()
    for row in rows:
        calls.update({int(count): puzzles for count, puzzles in json.loads(row.calls_solved).items()})
    return Totals(n, sum(row.solved for row in rows), edits, MeanCompute(*compute), _median(calls))


def _median(counts: Counter[int]) -> float | None:
    """The median of values by how often they occur."""
    total = counts.total()
    if not total:
        return None
    middle, seen = [], 0
    for value in sorted(counts):
        # Values of ranks (total - 1) // 2 and total // 2.
        middle += [value for rank in ((total - 1) // 2, total // 2) if seen <= rank < seen + counts[value]]
        seen += counts[value]
    return sum(middle) / 2
