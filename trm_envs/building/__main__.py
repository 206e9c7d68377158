"""Command line of the pools: `python -m trm_envs.building build [--pool NAME] [--check]` and `... verify`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trm_envs.building.build import build_pools, check_pools
from trm_envs.building.table import POOLS
from trm_envs.building.verify import verify_pools


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trm_envs.building", description="Build or verify the frozen pools."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="generate the pools from their seeds")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 if a shipped pool differs")
    verify = commands.add_parser("verify", help="check every shipped instance and the splits")
    for command in (build, verify):
        command.add_argument("--pool", choices=list(POOLS), help="one pool instead of all")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; return the exit code, 1 if a difference or a problem was found."""
    options = _parser().parse_args(arguments)
    sources = [POOLS[options.pool]] if options.pool else list(POOLS.values())
    if options.command == "build" and not options.check:
        build_pools(sources)
        return 0
    faults, notes = check_pools(sources) if options.command == "build" else verify_pools(sources)
    for line in notes + faults:
        print(line)
    print(f"{len(sources)} pools, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
