"""Score a large file of puzzles with a process that is killed and one that goes on, and say how memory grows."""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

from benchmarks.commands.arguments import positive
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance, set_threads
from benchmarks.protocol.study_rows import StreamingRow

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--puzzles", type=positive, default=1_000_000, metavar="N", help="how many (default: 1000000)")
    parser.add_argument("--limit", type=positive, default=500, metavar="MB", help="growth that fails (default: 500 MB)")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the row to a file, to publish it")


def run(options: argparse.Namespace) -> int:
    """Print what came of it; 1 where a puzzle has no row or two, or where memory grew over the limit."""
    # Children inherit it, and read it before they load numeric libraries.
    set_threads(THREADS)
    from benchmarks.studies.streaming import AGENT, KILLED, stream_twice

    origin = provenance()
    with tempfile.TemporaryDirectory() as folder:
        seen = stream_twice(Path(folder), options.puzzles)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = StreamingRow(
        model=AGENT,
        puzzles=options.puzzles,
        killed_after=seen.killed_after,
        pieces=len(seen.rows),
        scored_twice=len(seen.rows) - len({row.key for row in seen.rows}),
        n=sum(row.n for row in seen.rows),
        solved=sum(row.solved for row in seen.rows),
        first_mb=round(seen.resumed.first_mb, 1),
        peak_mb=round(seen.resumed.peak_mb, 1),
        limit_mb=options.limit,
        cpu_seconds=round(used.ru_utime + used.ru_stime, 1),
        threads=THREADS,
        command=options.command_line,
        **origin._asdict(),
    )
    growth = row.peak_mb - row.first_mb
    print(
        f"{row.solved:,} of {row.n:,} puzzles solved; {row.pieces:,} pieces, {row.scored_twice} of them scored twice; "
        f"killed after {row.killed_after:,}; growth after the first piece: {growth:.1f} MB (limit: {row.limit_mb} MB)"
    )
    if options.out:
        records.append(options.out, row)
    ended = (seen.killed.exit_code, seen.resumed.exit_code) == (KILLED, 0)
    return int(not ended or row.n != row.puzzles or row.scored_twice > 0 or growth > row.limit_mb)
