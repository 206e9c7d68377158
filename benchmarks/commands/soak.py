"""Run vector environments, training and evaluation for a given time, and say whether memory grows."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.commands.arguments import positive
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance, set_threads
from benchmarks.protocol.study_rows import SoakRow

THREADS = 1
LINES = 12
"""Lines that are printed on the way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--minutes", type=positive, default=60, metavar="M", help="for how long (default: 60)")
    parser.add_argument("--limit", type=positive, default=20, metavar="MB", help="growth that fails (default: 20 MB)")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the row to a file, to publish it")


def run(options: argparse.Namespace) -> int:
    """Print memory on the way and its growth at the end; 1 where that is over the limit."""
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from benchmarks.studies.soak import settled_mb, soak

    torch.set_num_threads(THREADS)
    origin, seconds, samples, due = provenance(), 60.0 * options.minutes, [], 0.0
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
    early, late = settled_mb(samples)
    row = SoakRow(
        minutes=options.minutes,
        rounds=samples[-1].rounds,
        vector_steps=samples[-1].vector_steps,
        training_steps=samples[-1].training_steps,
        evaluated=samples[-1].evaluated,
        early_mb=round(early, 1),
        late_mb=round(late, 1),
        limit_mb=options.limit,
        threads=THREADS,
        command=options.command_line,
        **origin._asdict(),
    )
    print(f"growth from the second quarter of the time to the last: {late - early:+.1f} MB (limit: {options.limit} MB)")
    if options.out:
        records.append(options.out, row)
    return int(late - early > options.limit)
