"""Run the next trial of a method: what `tune` starts, one process each."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import set_threads
from benchmarks.running.guard import stop_without_runner
from benchmarks.running.tuner import ROWS, place, tried
from benchmarks.running.tuning import Tuning

PROGRESS_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the tuning")
    parser.add_argument("--suite", required=True)
    parser.add_argument("--algo", required=True, help="the method")
    parser.add_argument("--seed", type=arguments.not_negative, required=True, help="of models and sampler")
    parser.add_argument("--steps", type=arguments.positive, required=True, help="of the trial")
    parser.add_argument("--asked-with", default="", metavar="COMMAND", help="what its row says that it comes from")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Train and score; a failure is an exception, whose traceback ends up in the log."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(1)
    stop_without_runner()
    contestants = arguments.contestants(options.contestants)
    tuning = Tuning(contestants, options.suite, options.steps, options.seed, options.asked_with)
    before = tried(options.out, (options.suite, options.algo, options.seed, options.steps))
    progress, told = options.out / place(options.algo) / "progress.txt", 0.0

    def tell(made: int) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_S:
            records.write_atomically(progress, str(min(made, options.steps)))
            told = time.monotonic()

    records.append(options.out / ROWS, tuning.run(options.algo, before, tell))
    return 0
