"""Write docs/results/ and its figures from published rows, or check that the pages are up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.commands.generated import settle
from benchmarks.protocol import sums
from benchmarks.protocol.provenance import ROOT
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.records import write_atomically
from benchmarks.reporting.results import pages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a page is out of date")
    action.add_argument(
        "--seal", action="store_true", help=f"accept the published files as they are: write their {sums.NAME} first"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs" / "results", metavar="DIR", help="default: the project's docs/results"
    )


def run(options: argparse.Namespace) -> int:
    """Write or check; a page that no row makes any more is an error when checked and is deleted when written."""
    for folder in (PUBLISHED, PUBLISHED / "theory") if options.seal else ():
        sums.seal(folder)
    made = pages()
    stale = [path for path in sorted(options.out.glob("*.md")) if path.name not in made.texts]
    if options.check:
        missing = [path for path in made.figures if not (options.out / path).is_file()]
        sys.stderr.writelines(f"there is no figure {path}\n" for path in missing)
        sys.stderr.writelines(f"no row makes the page {path.name}\n" for path in stale)
        outdated = [name for name, text in made.texts.items() if settle(options.out / name, text, check=True)]
        return int(bool(missing or stale or outdated))
    for path in stale:
        path.unlink()
    for path, draw in made.figures.items():
        write_atomically((options.out / path).resolve(), draw())
    for name, text in made.texts.items():
        settle(options.out / name, text, check=False)
    return 0
