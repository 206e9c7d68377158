"""The command line: one small module a command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from benchmarks.commands import (
    audit,
    cell,
    certify,
    compare,
    compute,
    defaults,
    depth,
    evaluate,
    growth,
    latents,
    minigrid,
    paths,
    planning,
    readme,
    receding,
    refutation,
    report,
    results,
    run,
    scaling,
    scoreboard,
    soak,
    speed,
    status,
    streaming,
    trial,
    tune,
    watch,
    zoo,
)
from benchmarks.protocol.provenance import command_line

COMMANDS: dict[str, ModuleType] = {
    "run": run,
    "status": status,
    "report": report,
    "tune": tune,
    "compare": compare,
    "evaluate": evaluate,
    "compute": compute,
    "certify": certify,
    "audit": audit,
    "depth": depth,
    "refutation": refutation,
    "receding": receding,
    "planning": planning,
    "latents": latents,
    "growth": growth,
    "paths": paths,
    "minigrid": minigrid,
    "watch": watch,
    "zoo": zoo,
    "speed": speed,
    "defaults": defaults,
    "scaling": scaling,
    "scoreboard": scoreboard,
    "soak": soak,
    "streaming": streaming,
    "readme": readme,
    "results": results,
    "cell": cell,
    "trial": trial,
}


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m benchmarks`."""
    root = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Fair comparisons of methods on plan-editing tasks."
    )
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = str(module.__doc__).strip().splitlines()[0]
        module.add_arguments(subparsers.add_parser(name, help=text, description=text))
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 well, 1 a failed cell or check, 2 bad input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(words)
    options.command_line = command_line(words)
    try:
        return int(COMMANDS[options.command].run(options))
    except ModuleNotFoundError as error:
        if str(error.name).startswith(("trm_", "bench", "baselines")):
            raise
        print(f"error: the package {error.name!r} is missing: pip install 'trm-plan-edit[bench]'", file=sys.stderr)
        return 2
    except (ValueError, TypeError, OSError) as error:
        if options.command in ("cell", "trial"):
            raise  # its log is read for the traceback
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
