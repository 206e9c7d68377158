"""Fill the marked tables of README.md from published rows, or check that they are up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.commands.generated import settle
from benchmarks.protocol.provenance import ROOT
from benchmarks.reporting.readme import fill


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a table is out of date")
    parser.add_argument("--file", type=Path, default=ROOT / "README.md", help="default: the project's README.md")


def run(options: argparse.Namespace) -> int:
    """Fill or check."""
    return settle(options.file, fill(options.file.read_text(encoding="utf-8")), options.check)
