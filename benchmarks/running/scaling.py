"""What a launcher costs: cells an hour, seconds that it adds to each, bytes that travel."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.protocol.folder import Cell, Folder
from benchmarks.running.launcher import Launcher, Process, Work
from benchmarks.running.runner import POLL_S, Runner, tail

EMPTY = 10
"""Works that do nothing, by which the overhead is measured."""
REPEATS = 5


class Cost(NamedTuple):
    """What a launcher has cost; see `ScalingRow`."""

    start_s: float
    wall_s: float
    overhead_s: float
    model_bytes: int


def cost_of(launcher: Launcher, since: float, folder: Folder, cells: Sequence[Cell], workers: int) -> Cost:
    """Run works that do nothing, then cells.

    Args:
        launcher: a new one.
        since: when it was asked for, by `time.perf_counter`.
        folder: an empty folder.
        cells: methods, whose seeds differ.
        workers: works at a time.

    Raises:
        ValueError: a cell or a work has failed; the message is the end of its log.
    """
    _all(launcher, [_nothing(folder.root, 0)], 1)
    start_s = time.perf_counter() - since
    began = time.perf_counter()
    _all(launcher, [_nothing(folder.root, number) for number in range(1, EMPTY + 1)], workers)
    overhead_s = (time.perf_counter() - began) * workers / EMPTY - _alone(folder.root)
    runner = Runner(folder, launcher, ["--points", "1"], Console(stderr=True))
    began = time.perf_counter()
    if runner.run(cells, workers, {"command": "python -m benchmarks scaling"}):
        failure = folder.failures()[0]
        raise ValueError(f"a cell has failed with exit code {failure.exit_code}: {failure.error}")
    wall_s = time.perf_counter() - began
    models = [(folder.of_cell(cell) / "model.zip").stat().st_size for cell in cells]
    return Cost(start_s, wall_s, overhead_s, round(statistics.mean(models)))


def _nothing(root: Path, number: int) -> Work:
    """A work that starts, prints a few lines and ends."""
    return Work(("cell", "--help"), root, f"nothing/{number}.txt", "rows.jsonl", frozenset())


def _all(launcher: Launcher, works: Sequence[Work], workers: int) -> None:
    """Run works as a runner does.

    Raises:
        ValueError: one has failed.
    """
    waiting, running = list(works), list[tuple[Work, Process]]()
    while waiting or running:
        while waiting and len(running) < workers:
            running.append((waiting[0], launcher.start(waiting.pop(0))))
        time.sleep(POLL_S)
        codes = [process.poll() for _, process in running]
        for (work, _), code in zip(running, codes, strict=True):
            if code:
                raise ValueError(f"a work has failed with exit code {code}: {tail(work.root / work.log)}")
        running = [one for one, code in zip(running, codes, strict=True) if code is None]


def _alone(root: Path) -> float:
    """Seconds that the command of such a work takes without a launcher."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        done = subprocess.run(_nothing(root, 0).command(root), capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"the command of a work has failed with exit code {done.returncode}: {done.stderr}")
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
