"""Trials of methods on a launcher: those of a method one after the other, as each follows from the rows before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from benchmarks.protocol import records
from benchmarks.protocol.rows import TuningRow
from benchmarks.running.launcher import Launcher, Process, Work

ROWS = "tuning.jsonl"
POLL_S = 0.2
LOG_TAIL = 20

Key = tuple[str, str, int, int]
"""(suite, algo, seed, steps): what all trials of a method share."""


def tried(folder: Path, key: Key) -> list[TuningRow]:
    """Rows of a method's trials under these conditions, in order."""
    rows = records.latest(records.read(folder / ROWS, TuningRow))
    return sorted((row for row in rows if row.key[:-1] == key), key=lambda row: row.trial)


def place(algo: str) -> str:
    """Folder of a method's trials below that of the tuning: its log and its progress."""
    return f"trials/{quote(algo, safe='@=+,.-_')}"


class Tuner:
    """Runs the trials that are missing.

    Args:
        folder: of the tuning.
        launcher: where trials run.
        keys: of the methods.
        trials: of each method.
        asked_with: the command that rows say they come from.
        contestants: module with the methods.
        show: told a method and the environment steps that all of its trials have made.
    """

    def __init__(
        self,
        folder: Path,
        launcher: Launcher,
        keys: Sequence[Key],
        trials: int,
        asked_with: str,
        contestants: str,
        show: Callable[[str, int], None],
    ) -> None:
        self.folder, self.launcher, self.keys, self.trials = folder, launcher, keys, trials
        self.asked_with, self.contestants, self.show = asked_with, contestants, show
        self._running: dict[Key, Process] = {}

    def run(self, workers: int | None = None) -> None:
        """Run trials of `workers` methods at a time, by default of as many as the launcher takes.

        Raises:
            ValueError: a trial has failed; the message has the end of its log.
        """
        done = {key: len(tried(self.folder, key)) for key in self.keys}
        limit = workers or self.launcher.workers
        try:
            while any(count < self.trials for count in done.values()):
                for key in self.keys:
                    if done[key] < self.trials and key not in self._running and len(self._running) < limit:
                        self._running[key] = self.launcher.start(self._work(key))
                time.sleep(POLL_S)
                for key, process in list(self._running.items()):
                    if (code := process.poll()) is not None:
                        del self._running[key]
                        done[key] = self._ended(key, done[key], code)
                    self.show(key[1], done[key] * key[3] + (self._made(key) if key in self._running else 0))
        finally:
            for process in self._running.values():
                process.stop()
            for process in self._running.values():
                process.wait()

    def _work(self, key: Key) -> Work:
        suite, algo, seed, steps = key
        for name in ("log.txt", "progress.txt"):
            (self.folder / place(algo) / name).unlink(missing_ok=True)
        words = ["trial", "--suite", suite, "--algo", algo, "--seed", str(seed), "--steps", str(steps)]
        words += ["--contestants", self.contestants, "--asked-with", self.asked_with]
        return Work(tuple(words), self.folder, f"{place(algo)}/log.txt", ROWS, frozenset([key]))

    def _ended(self, key: Key, before: int, code: int) -> int:
        """How many trials a method has now."""
        after = len(tried(self.folder, key))
        if after > before:
            return after
        log = self.folder / place(key[1]) / "log.txt"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:] if log.exists() else []
        told = "\n".join(lines) or "no output"
        raise ValueError(f"trial {before} of {key[1]} has failed with exit code {code}:\n{told}")

    def _made(self, key: Key) -> int:
        """Environment steps of the trial under way."""
        try:
            return int((self.folder / place(key[1]) / "progress.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
