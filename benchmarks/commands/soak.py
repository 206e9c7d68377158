"""Run vector environments, training and evaluation for a given time, and say whether memory grows."""

from __future__ import annotations

import argparse

from benchmarks.commands.arguments import positive
from benchmarks.protocol.provenance import set_threads

THREADS = 1
LINES = 12
"""Lines that are printed on the way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--minutes", type=positive, default=60, metavar="M", help="for how long (default: 60)")
    parser.add_argument("--limit", type=positive, default=20, metavar="MB", help="growth that fails (default: 20 MB)")


def run(options: argparse.Namespace) -> int:
    """Print memory on the way and its growth at the end; 1 where that is over the limit."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from benchmarks.studies.soak import growth_mb, soak

    torch.set_num_threads(THREADS)
    seconds, samples, due = 60.0 * options.minutes, [], 0.0
    for sample in soak(seconds):
        samples.append(sample)
        if sample.elapsed_s >= due or sample.elapsed_s >= seconds:
            due = sample.elapsed_s + seconds / LINES
            print(
                f"{sample.elapsed_s:7.0f} s, round {sample.rounds}: {sample.resident_mb:.1f} MB resident, "
                f"{sample.vector_steps:,} vector steps, {sample.training_steps:,} training steps, "
                f"{sample.evaluated:,} puzzles scored",
                flush=True,
            )
    growth = growth_mb(samples)
    print(f"growth from the second quarter of the time to the last: {growth:+.1f} MB (limit: {options.limit} MB)")
    return int(growth > options.limit)
