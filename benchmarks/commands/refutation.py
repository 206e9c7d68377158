"""How many dead edits trained survival values catch, and how many alive ones they kill, by rounds of refutation."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.provenance import pool_hash, provenance, set_threads
from benchmarks.protocol.rows import RefutationRow
from benchmarks.protocol.suites import pool, suite
from benchmarks.reporting import tables

ROWS = "refutation.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    arguments.add_out(parser)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the rows to a file too")


def run(options: argparse.Namespace) -> int:
    """Measure every trained model of a run that has values of all edits and no rows yet, then show all of it."""
    set_threads(1)
    import torch

    torch.set_num_threads(1)
    folder, console = Folder(options.out), Console()
    file = folder.root / ROWS
    done = {(row.suite, row.algo, row.seed, row.steps) for row in records.read(file, RefutationRow)}
    models = dict.fromkeys(cell.trained for cell in folder.plan() if cell.kind == "method")
    for cell in models:
        if cell.key not in done and (folder.of_cell(cell) / "model.zip").exists():
            for row in _rows(folder, cell, options.command_line):
                records.append(file, row)
    rows = records.latest(records.read(file, RefutationRow))
    if not rows:
        console.print(f"no trained model of {folder.root} has values of all edits: nothing to measure")
        return 1
    if options.csv is not None:
        records.write_atomically(options.csv, records.to_csv(rows, RefutationRow))
    for name in dict.fromkeys(row.suite for row in rows):
        heads, lines = tables.refutation_table([row for row in rows if row.suite == name])
        table = tables.narrow(name, heads)
        for line in lines:
            table.add_row(*map(Text, line))
        console.print(table)
    return 0


def _rows(folder: Folder, cell: Cell, command: str) -> list[RefutationRow]:
    """Rows of one model; none where it has no values of all edits."""
    import baselines
    from benchmarks.studies.refutation import kinds, measure
    from trm_agents.upi_trm import EditPolicy

    row = suite(cell.suite)
    puzzles = pool(row.env_id, row.env_kwargs, "test")
    model = baselines.method(cell.algo).load(str(folder.of_cell(cell) / "model.zip"), row.env_id, row.env_kwargs)
    policy = model.policy
    if not isinstance(policy, EditPolicy):
        return []
    found = measure(policy, puzzles.instances, kinds(puzzles.mdp, puzzles.instances))
    about = {"threads": 1, **provenance()._asdict(), "command": command}
    kept = pool_hash(puzzles.instances)
    return [RefutationRow(*cell.key, kind, edits, dead, kept, **about) for kind, (edits, dead) in found.items()]
