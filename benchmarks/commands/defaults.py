"""Train UPITRM with its defaults on small tasks without plan editing, and say whether it learns them."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.commands.arguments import names, seeds
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance, set_threads
from benchmarks.protocol.study_rows import DefaultsRow

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--tasks", type=names, metavar="A,B", help="names of tasks; all by default")
    parser.add_argument("--seeds", type=seeds, default=list(range(10)), metavar="0-9", help="seeds of each task")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")


def run(options: argparse.Namespace) -> int:
    """Train, print a line a run and append it to the file; 1 where a run has not learned its task.

    Raises:
        ValueError: there is no such task.
    """
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from benchmarks.studies.defaults import TASKS

    torch.set_num_threads(THREADS)
    tasks = options.tasks or list(TASKS)
    if unknown := sorted(set(tasks) - TASKS.keys()):
        raise ValueError(f"there is no task {', '.join(unknown)}: choose among {', '.join(TASKS)}")
    origin, failed = provenance(), 0
    for name in tasks:
        task = TASKS[name]
        for seed in options.seeds:
            outcome = task.learn(seed, task.budget, task.wanted)
            row = DefaultsRow(
                task=name,
                seed=seed,
                budget=task.budget,
                env_steps=outcome.env_steps,
                score=round(outcome.score, 4),
                wanted=task.wanted,
                threads=THREADS,
                command=options.command_line,
                **origin._asdict(),
            )
            failed += row.score < row.wanted
            print(
                f"{name}, seed {seed}: {row.score:g} after {row.env_steps:,} steps (wanted: {row.wanted:g})", flush=True
            )
            if options.out:
                records.append(options.out, row)
    return int(failed > 0)
