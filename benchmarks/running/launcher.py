"""Where cells run. Another launcher (a cluster's queue) needs these two protocols only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.running.guard import RUNNER


class Process(Protocol):
    """A started command."""

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""

    def stop(self) -> None:
        """End it and wait until it has ended."""


class Launcher(Protocol):
    """Starts `python -m benchmarks <arguments>` somewhere that sees the run's folder."""

    def start(self, arguments: Sequence[str], log: Path) -> Process:
        """Start a command; its output goes to the file `log`."""


class LocalProcess:
    """A process of this machine."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class LocalLauncher:
    """Runs cells as processes of this machine."""

    def start(self, arguments: Sequence[str], log: Path) -> LocalProcess:
        """Start a command; its output goes to the file `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as out:
            # A session of its own: Ctrl-C reaches the runner alone, which then ends its cells in order.
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, RUNNER: str(os.getpid())},
                start_new_session=True,
            )
        return LocalProcess(process)
