"""The command line of `trm`: finds the verb, runs it, and turns errors into one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

VERBS = ("solve", "play", "watch", "evaluate", "submit", "zoo")
DESCRIPTION = "Solve, edit, watch and score plan-editing puzzles with tiny recursive agents."


def parser() -> argparse.ArgumentParser:
    """The parser of `trm`; it loads no torch."""
    root = argparse.ArgumentParser(prog="trm", description=DESCRIPTION)
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        module = import_module(f"trm_agents.commands.{verb}")
        text = str(module.__doc__).strip().splitlines()[0]
        own = verbs.add_parser(verb, help=text, description=text, epilog=getattr(module, "EPILOG", None))
        module.add_arguments(own)
        own.set_defaults(run=module.run)
    return root


def main(words: Sequence[str] | None = None) -> int:
    """Run a verb; return its exit code: 0 well, 1 a puzzle is left unsolved, 2 bad input, 130 interrupted."""
    try:
        options = parser().parse_args(words)
        return int(options.run(options))
    except ModuleNotFoundError as error:
        if str(error.name).startswith("trm_"):
            raise
        extra = "render" if error.name == "PIL" else "agents"
        problem = f"the package {error.name!r} is missing: pip install 'trm-plan-edit[{extra}]'"
    except (ValueError, TypeError, OSError) as error:
        problem = " ".join(str(error).split())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"error: {problem}", file=sys.stderr)
    return 2
