"""Memory of `trm evaluate` over a large file, killed half way and run again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.studies.soak import resident_mb
from trm_agents.common import sealed_lines
from trm_agents.streaming import PieceRow
from trm_agents.streaming.engine import PIECE
from trm_envs.sudoku.generator import generate
from trm_envs.sudoku.text import format_grids

AGENT = "zoo:upi-trm-sudoku-4x4"
GIVENS = (6, 8)
AT_ONCE = 10_000
"""Puzzles that are generated and written together."""
PAUSE = 0.05
"""Seconds between two looks at a child."""
KILLED = -signal.SIGKILL
"""Exit code of a process that was."""
COMMAND = "import sys; from trm_agents.commands.main import main; sys.exit(main(sys.argv[1:]))"
"""`trm`, also where no script of that name is on the path."""


class Watched(NamedTuple):
    """What was seen of one process."""

    exit_code: int
    """-9 where it was killed."""
    first_mb: float
    """Memory in RAM when its first piece was done: the model, its libraries and its compiled code."""
    peak_mb: float
    """The most that was seen from then on."""


def write_puzzles(path: Path, n: int, seed: int = 0) -> None:
    """A CSV file of so many 4x4 puzzles with unique solutions, with their blanks as ratings."""
    rng = np.random.default_rng(seed)
    with path.open("w") as out:
        out.write("question,rating\n")
        for start in range(0, n, AT_ONCE):
            grids = generate(4, GIVENS, min(AT_ONCE, n - start), rng)
            blanks = (grids == 0).sum(axis=1)
            out.writelines(f"{line},{count}\n" for line, count in zip(format_grids(grids), blanks, strict=True))


def watch(command: list[str], rows: Path, kill_at: int | None = None) -> Watched:
    """Run a command that appends a line for every piece to a file; kill it with -9 once so many lines are there."""
    before, first, peak = lines(rows), 0.0, 0.0
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None:
        if (now := lines(rows)) > before:
            # A child that has just ended has no memory.
            peak = max(peak, resident_mb(child.pid))
            first = first or peak
        if kill_at is not None and now >= kill_at:
            child.kill()
        time.sleep(PAUSE)
    return Watched(child.returncode, first, peak)


def lines(path: Path) -> int:
    """Whole lines of a file; none where there is no file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


class Seen(NamedTuple):
    """What was seen of a process that was killed, and of the one that went on."""

    killed: Watched
    killed_after: int
    """Puzzles that had a row then."""
    resumed: Watched
    rows: list[PieceRow]
    """Of both."""


def stream_twice(folder: Path, n: int) -> Seen:
    """Score n puzzles with a process that is killed once half of them are scored, and with one that goes on.

    Args:
        folder: for the file of puzzles and the rows.
        n: how many puzzles; at least two pieces of them.

    Raises:
        ValueError: there are too few puzzles.
    """
    if n < 2 * PIECE:
        raise ValueError(f"{n} puzzles are less than two pieces: give at least {2 * PIECE}")
    puzzles, rows = folder / "puzzles.csv", folder / "rows.jsonl"
    write_puzzles(puzzles, n)
    words = ["evaluate", AGENT, "--puzzles", str(puzzles), "--attempts", "1", "--stream", str(rows)]
    command = [sys.executable, "-c", COMMAND, *words]
    killed = watch(command, rows, kill_at=n // PIECE // 2)
    left = sealed_lines.read(rows, PieceRow)
    resumed = watch(command, rows)
    return Seen(killed, sum(row.n for row in left), resumed, sealed_lines.read(rows, PieceRow))
