"""Fill the marked tables of README.md from published rows, or check that they are up to date."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from benchmarks.provenance import ROOT
from benchmarks.readme import fill
from benchmarks.records import write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a table is out of date")
    parser.add_argument("--file", type=Path, default=ROOT / "README.md", help="default: the project's README.md")


def run(options: argparse.Namespace) -> int:
    """Fill or check."""
    old = options.file.read_text(encoding="utf-8")
    new = fill(old)
    if options.check:
        a, b = (text.splitlines(keepends=True) for text in (old, new))
        sys.stderr.writelines(difflib.unified_diff(a, b, "README.md", "from published rows"))
        return int(old != new)
    if old != new:
        write_atomically(options.file, new)
    return 0
