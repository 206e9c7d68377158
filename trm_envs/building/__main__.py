"""Command line of the pools: `python -m trm_envs.building build|verify|reference`, each with `--help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trm_envs.building.build import build_pools, check_pools
from trm_envs.building.references import REFERENCES, Row, build_references, check_references
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
    reference = commands.add_parser("reference", help="solve the systems' pools with IPOPT (extra `reference`)")
    reference.add_argument("--check", action="store_true", help="solve nothing; check the shipped optima")
    reference.add_argument("--name", choices=list(REFERENCES), help="one reference instead of all")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; return the exit code, 1 if a difference or a problem was found."""
    options = _parser().parse_args(arguments)
    if options.command == "reference":
        return _reference([REFERENCES[options.name]] if options.name else list(REFERENCES.values()), options.check)
    sources = [POOLS[options.pool]] if options.pool else list(POOLS.values())
    if options.command == "build" and not options.check:
        build_pools(sources, POOLS)
        return 0
    faults, notes = check_pools(sources) if options.command == "build" else verify_pools(sources)
    for line in notes + faults:
        print(line)
    print(f"{len(sources)} pools, {len(faults)} faults")
    return 1 if faults else 0


def _reference(rows: Sequence[Row], check: bool) -> int:
    """Build or check reference optima."""
    if not check:
        build_references(rows)
    faults = check_references(rows)
    for line in faults:
        print(line)
    print(f"{len(rows)} references, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
