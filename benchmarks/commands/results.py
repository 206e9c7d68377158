"""Write docs/results.md and its figures from published rows, or check that the page is up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.commands.generated import settle
from benchmarks.protocol.provenance import ROOT
from benchmarks.protocol.records import write_atomically
from benchmarks.reporting.results import page

PAGE = "results.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit code 1 where the page is out of date"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs", metavar="DIR", help="default: the project's docs")


def run(options: argparse.Namespace) -> int:
    """Write or check."""
    made = page()
    if options.check:
        missing = [path for path in made.figures if not (options.out / path).is_file()]
        sys.stderr.writelines(f"there is no figure {path}\n" for path in missing)
        return settle(options.out / PAGE, made.text, check=True) or int(bool(missing))
    for path, draw in made.figures.items():
        write_atomically(options.out / path, draw())
    return settle(options.out / PAGE, made.text, check=False)
