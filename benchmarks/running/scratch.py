"""Temporary folders of processes that may be killed: the next one on the machine removes what they leave."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "benchmarks-"
LOCK = "alive.lock"
"""Held as long as a folder is in use: the operating system lets go of a dead process's locks."""
YOUNG_S = 60.0
"""A folder of this age may not be locked yet."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder for one process, which is removed afterwards."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_dead(left)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, FileLock(Path(folder) / LOCK):
        yield Path(folder)


def _remove_dead(folder: Path) -> None:
    """Remove a folder that nobody holds; others may do the same meanwhile."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < YOUNG_S or not (folder / LOCK).exists():
            return
        try:
            with FileLock(folder / LOCK, timeout=0):
                pass
        except Timeout:
            return
        shutil.rmtree(folder, ignore_errors=True)
