"""One process a cell: cells hold locks, and stop when their runner is gone."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

RUNNER = "BENCHMARKS_RUNNER"
"""Environment variable by which a runner tells a cell on its own machine which process to look after."""
WATCH_S = 0.5


def stop_without_runner() -> None:
    """End this process soon after its runner, however that ends; a process that no runner started goes on.

    Everything on disk is replaced as a whole, so no moment is a bad one.
    """
    runner = os.environ.get(RUNNER)
    if runner is not None:
        threading.Thread(target=_watch, args=(int(runner),), daemon=True).start()


def _watch(runner: int) -> None:
    # A dead parent's children get another one; its number may be given away, theirs is never asked for.
    while os.getppid() == runner:
        time.sleep(WATCH_S)
    print("the runner is gone: this cell stops too, resume the run to go on with it", file=sys.stderr, flush=True)
    os._exit(1)


@contextmanager
def alone(lock: FileLock, what: str) -> Iterator[None]:
    """Hold a lock; a process that holds it is waited for, and what a dead one held is free.

    Args:
        lock: what one process at a time may hold.
        what: is done meanwhile, for the log.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another process is at {what}: this one waits until it has ended", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
