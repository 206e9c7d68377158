"""Show how far a run is: finished, under way, failed, waiting."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.commands import arguments
from benchmarks.commands.report import tell_left_out
from benchmarks.protocol.folder import Cell, Folder

NOTE = (
    "An interrupted cell resumes from its checkpoint where its algorithm saves everything (ours); SB3's "
    "algorithms do not save generators and buffers, so theirs start again."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    arguments.add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Print one line a cell; 1 where one has failed or a row is damaged."""
    folder, console = Folder(options.out), Console()
    plan = folder.plan()
    results = {row.key: row for row in folder.results()}
    failures = {row.key: row for row in folder.failures()}
    table = Table("cell", "steps", "state", title=escape(folder.about()["command"]), title_justify="left")
    for cell in plan:
        if cell.key in results:
            row = results[cell.key]
            state = f"[green]done[/], {row.solved} of {row.n} solved"
        elif cell.key in failures:
            state = f"[bold red]failed[/], exit code {failures[cell.key].exit_code}"
        else:
            state = _unfinished(folder, cell)
        table.add_row(escape(str(cell)), str(cell.steps) if cell.steps else "", state)
    console.print(table)
    done = sum(cell.key in results for cell in plan)
    left = len(plan) - done - len(failures)
    console.print(f"{done} of {len(plan)} cells done, {len(failures)} failed, {left} left. {NOTE}")
    tell_left_out(folder, console)
    return 1 if failures or folder.left_out() else 0


def _unfinished(folder: Folder, cell: Cell) -> str:
    made = folder.progress(cell)
    if not made:
        return "waiting"
    saved = ", checkpoint saved" if (folder.of_cell(cell) / "checkpoint.zip").exists() else ""
    return f"[yellow]{made} steps made[/]{saved}"
