"""Scores pieces of a file, in this process or in workers, and keeps a row of each, so that a stop loses little.

Rows are all that is stored, and all that the result is made from.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from trm_agents.common import sealed_lines
from trm_agents.common.threads import set_threads
from trm_agents.streaming.pieces import PieceRow, Scored, Valid, digest_of, row_of
from trm_agents.streaming.totals import Totals, totals
from trm_envs.reading import Batch

AHEAD = 2
"""Pieces that are read ahead for each worker; bounds memory."""
PIECE = 512
"""Puzzles of a piece: as many as are played at once, and at most as many a worker as a stop loses."""

Score = Callable[[Batch], tuple[Scored, Valid]]
"""What becomes of the puzzles of a piece, and which of them are left out."""
Prepare = Callable[[Any], Score]
"""Loads a model as it is asked to, once a process; a function of a module, which workers import."""
Told = Callable[[int, int], None]
"""Told how many puzzles are scored, and about how many there are."""


def stream(
    batches: Iterable[Batch],
    prepare: Prepare,
    options: Any,
    asked: str,
    told: Told,
    path: Path | None = None,
    workers: int = 1,
) -> Totals:
    """Score all pieces that have no row yet.

    Args:
        batches: of the file, in order.
        prepare: what makes the scorer, with `options`.
        options: what it is asked with.
        asked: hash of the model and of all that the result depends on.
        told: called after every piece.
        path: a `.jsonl` file for the rows; those of other questions in it are left alone. None keeps none.
        workers: processes; 1 is this one.

    Raises:
        ValueError: a puzzle is flawed, a row is damaged, or there is no puzzle.
        ChildProcessError: a worker was killed.
    """
    done = {row.key: row for row in sealed_lines.read(path, PieceRow)} if path else {}
    tally = _Tally(told)
    executor, score = _executor(workers, prepare, options)
    with executor:
        under_way: dict[Future[PieceRow], float] = {}

        def take(least: int) -> None:
            """Take rows until at most `least` pieces are under way."""
            while len(under_way) > least:
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    read = under_way.pop(future)
                    row = future.result()
                    if path:
                        sealed_lines.append(path, row)
                    tally.add(row, read)

        try:
            for number, batch in enumerate(_pieces(batches)):
                digest = digest_of(batch)
                if row := done.get((asked, number, digest)):
                    tally.add(row, batch.read)
                    continue
                under_way[executor.submit(score, batch, asked, number, digest)] = batch.read
                take(least=AHEAD * workers - 1 if workers > 1 else 0)
            take(least=0)
        except BrokenProcessPool:
            raise ChildProcessError("a worker was killed, perhaps for lack of memory: give fewer --workers") from None
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return totals(tally.rows)


class _Tally:
    """Rows so far, and what is told of them."""

    def __init__(self, told: Told) -> None:
        self.rows: list[PieceRow] = []
        self._told = told
        self._count = 0
        self._read = 0.0

    def add(self, row: PieceRow, read: float) -> None:
        """A piece is done, up to which that share of the file has been read."""
        self.rows.append(row)
        self._count += row.n
        self._read = max(self._read, read)
        self._told(self._count, round(self._count / max(self._read, 1e-9)))


def _pieces(batches: Iterable[Batch]) -> Iterator[Batch]:
    before = 0.0
    for batch in batches:
        yield from batch.pieces(PIECE, before)
        before = batch.read


class _Scorer:
    """Makes rows of pieces; loads the model for the first."""

    def __init__(self, prepare: Prepare, options: Any) -> None:
        self._prepare, self._options = prepare, options
        self._score: Score | None = None

    def __call__(self, batch: Batch, asked: str, number: int, digest: str) -> PieceRow:
        """The row of a piece."""
        self._score = self._score or self._prepare(self._options)
        return row_of(batch, *self._score(batch), asked, number, digest)


class _Here(Executor):
    """Calls at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done; raises what the call does."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


_SCORER: _Scorer | None = None
"""Of a worker."""


def _executor(workers: int, prepare: Prepare, options: Any) -> tuple[Executor, Callable[..., PieceRow]]:
    if workers == 1:
        return _Here(), _Scorer(prepare, options)
    # Not forked: a worker begins without the numeric libraries of this process, and with one thread.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(prepare, options)), _in_worker


def _begin(prepare: Prepare, options: Any) -> None:
    global _SCORER
    set_threads(1)
    _SCORER = _Scorer(prepare, options)


def _in_worker(batch: Batch, asked: str, number: int, digest: str) -> PieceRow:
    assert _SCORER is not None
    return _SCORER(batch, asked, number, digest)
