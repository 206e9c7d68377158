"""Where work runs: what every launcher takes and gives, and the launcher of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.protocol.rows import CellKey
from benchmarks.running.guard import RUNNER

UNBOUNDED = sys.maxsize
"""`workers` of an engine that queues by itself."""
STOP_S = 10.0
"""Seconds in which a process that was asked to end may do so by itself."""


class Work(NamedTuple):
    """What one process does in a folder: a command that appends rows to a file."""

    words: tuple[str, ...]
    """Of `python -m benchmarks`, without the folder."""
    root: Path
    """The folder."""
    log: str
    """File below `root` that takes the output; no two works of a run share one."""
    rows: str
    """File below `root` that takes the rows."""
    keys: frozenset[CellKey]
    """What the rows' keys begin with."""
    needs: tuple[str, ...] = ()
    """Folders below `root` with files that the work may go on from."""
    threads: int = 1
    """Processors that the work keeps busy."""

    def command(self, root: Path) -> list[str]:
        """The command, with the folder that it works in."""
        return [sys.executable, "-m", "benchmarks", *self.words, "--out", str(root)]


class Process(Protocol):
    """A started work."""

    def poll(self) -> int | None:
        """Its exit code, None while it waits or runs."""

    def stop(self) -> None:
        """Ask it to end, without waiting for it."""

    def wait(self) -> None:
        """Wait until it has ended; by force, where it does not by itself."""


class Launcher(Protocol):
    """Starts works somewhere. A work has begun once its log is there."""

    @property
    def workers(self) -> int:
        """Works that it takes at a time, where the user names no number."""

    def start(self, work: Work) -> Process:
        """Start a work, or hand it to a queue."""

    def traffic(self) -> tuple[int, int]:
        """Bytes of rows and files that have travelled to works, and back; (0, 0) where works share the folder."""

    def close(self) -> None:
        """Leave nothing behind, once no work is under way."""


class LocalProcess:
    """A process of this machine."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()

    def stop(self) -> None:
        """Ask it to end, without waiting for it."""
        self.process.terminate()

    def wait(self) -> None:
        """Wait until it has ended; by force, where it does not by itself."""
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class LocalLauncher:
    """Runs works as processes of this machine."""

    workers = os.cpu_count() or 1

    def start(self, work: Work) -> LocalProcess:
        """Start a work."""
        return LocalProcess(spawn(work, work.root))

    def traffic(self) -> tuple[int, int]:
        """Nothing travels."""
        return 0, 0

    def close(self) -> None:
        """Nothing is left behind."""


def spawn(work: Work, root: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a work as a child of this process, which it does not outlive.

    Args:
        work: what to start.
        root: folder that it works in.
        environment: further variables; its log begins with them.
    """
    log = root / work.log
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        out.writelines(f"{name}={value}\n".encode() for name, value in (environment or {}).items())
        out.flush()
        # A session of its own: Ctrl-C reaches the runner alone, which then ends its cells in order.
        return subprocess.Popen(
            work.command(root),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {}), RUNNER: str(os.getpid())},
            start_new_session=True,
        )
