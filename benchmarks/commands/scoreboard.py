"""Score all entries of the scoreboard anew, refuse those that cannot be reproduced, and write the ranking."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.commands.generated import settle
from benchmarks.protocol.provenance import ROOT
from benchmarks.reporting.results import scoreboard
from benchmarks.reporting.scoreboard_page import SCOREBOARD
from trm_agents.commands import arguments
from trm_agents.commands.entries import entries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    text = "default: the project's benchmarks/scoreboard"
    parser.add_argument("--folder", type=Path, default=SCOREBOARD, help=text)
    page = ROOT / "docs" / "results" / "scoreboard.md"
    text = "the page of the ranking (default: the project's docs/results/scoreboard.md)"
    parser.add_argument("--page", type=Path, default=page, metavar="FILE.md", help=text)
    arguments.add_trust(parser)


def run(options: argparse.Namespace) -> int:
    """Score and write; 1 where an entry is refused, and then nothing is written."""
    # Loads torch.
    from trm_agents.commands.rescoring import differences

    found = entries(options.folder)
    refused = False
    for entry in found:
        problems = differences(entry, options.folder, options.trust)
        print(f"{entry.name}: {'refused' if problems else 'reproduced'}", flush=True)
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        refused = refused or bool(problems)
    return 1 if refused else settle(options.page, scoreboard(options.folder), check=False)
