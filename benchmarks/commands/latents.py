"""Measure what a controller's latents hold after each edit: principal components, and what can be read linearly."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.control import ControlPool
from benchmarks.protocol.provenance import set_threads
from benchmarks.protocol.suites import scored_pool, suite
from benchmarks.reporting import study_tables, tables
from benchmarks.running import models

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=arguments.model_file, metavar="MODEL", help="a saved model.zip, or zoo:NAME")
    parser.add_argument("--suite", required=True, help="plans of its test states are edited")
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="append the rows to a file, to publish them")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, print and, where asked for, append.

    Raises:
        ValueError: the suite is of no system with two states, or the model carries no latents.
    """
    # Before anything loads numeric libraries: they read these once.
    set_threads(THREADS)
    import torch

    from baselines import ControlMethod
    from baselines.control_agents import EditPlanner
    from benchmarks.studies.latents import measure
    from trm_envs.control.quadratic import QuadraticTask

    torch.set_num_threads(THREADS)
    row, contestants = suite(options.suite), arguments.contestants(options.contestants)
    pool = scored_pool(row.env_id, row.env_kwargs, "test")
    method, _ = models.trained(options.model, contestants, options.algo)
    if not isinstance(pool, ControlPool) or not isinstance(pool.mdp.task, QuadraticTask):
        raise ValueError(f"{options.suite} is a suite of no system with two states: choose one such as control-vdp")
    assert isinstance(method, ControlMethod)
    planner = method.planner(method.load(str(options.model), row.env_id, row.env_kwargs), pool.mdp)
    if method.family != "trc" or not isinstance(planner, EditPlanner):
        raise ValueError(f"models of {method.name!r} carry no latents: take one of trc")
    table = tables.narrow(options.suite, list(study_tables.LATENTS_COLUMNS))
    for one in measure(options.suite, pool, planner, options.model.stem, THREADS, options.command_line):
        table.add_row(*(cell(one) for cell in study_tables.LATENTS_COLUMNS.values()))
        if options.out:
            records.append(options.out, one)
    Console().print(table)
    return 0
