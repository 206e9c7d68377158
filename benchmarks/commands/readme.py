"""Fill the marked tables of README.md and of the pages under docs/, or check that they are up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.commands.generated import settle
from benchmarks.reporting.readme import fill, pages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a table is out of date")
    parser.add_argument("--file", type=Path, help="one file alone (default: README.md and the pages under docs/)")


def run(options: argparse.Namespace) -> int:
    """Fill or check."""
    files = pages() if options.file is None else [options.file]
    return max(settle(path, fill(path.read_text(encoding="utf-8")), options.check) for path in files)
