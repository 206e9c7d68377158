"""Add an agent to those that come with trm_agents; `trm zoo` lists them."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import arguments
from trm_agents.commands.zoo import details

if TYPE_CHECKING:
    from baselines import SolverKind
    from trm_agents.zoo import Card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="make a trained model an agent: slim it, measure it, write its card")
    adding.add_argument(
        "model",
        type=arguments.model_file,
        metavar="RUN_MODEL.zip",
        help="a saved model, best in the folder of its run, or zoo:NAME, to change its settings",
    )
    adding.add_argument("name", type=agent_name, metavar="NAME", help="what the agent is loaded by")
    adding.add_argument("--suite", help="suite whose test pool measures it (default: that of its run)")
    adding.add_argument(
        "--settings", metavar="ALGO", help="row or variant whose settings the agent gets (default: it keeps its own)"
    )
    spent = adding.add_mutually_exclusive_group()
    spent.add_argument(
        "--attempts", type=arguments.not_negative, default=0, metavar="N", help="measure it with N attempts as well"
    )
    spent.add_argument(
        "--search", type=arguments.not_negative, default=0, metavar="N", help="measure it with a search of N calls too"
    )
    adding.add_argument("--commit", help="code that trained it (default: what its run says)")
    adding.add_argument("--allow-dirty", action="store_true", help="accept uncommitted changes; the card tells of them")
    adding.add_argument("--to", type=Path, metavar="FOLDER", help="where the entry goes (default: the package's zoo)")
    arguments.add_contestants(adding)
    adding.add_argument("--json", action="store_true", help="one JSON object and nothing else")


def agent_name(text: str) -> str:
    """A name that is a file name too."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"an agent's name is lower-case words joined by '-', got {text!r}")
    return text


def run(options: argparse.Namespace) -> int:
    """Add the agent and show its card."""
    card = _added(options)
    print(json.dumps(dataclasses.asdict(card)) if options.json else details(card))
    return 0


def _added(options: argparse.Namespace) -> Card:
    # Loads torch, which no other command's start should wait for.
    from benchmarks.running.zoo_entry import make_entry, source_of
    from trm_agents import zoo

    contestants = arguments.contestants(options.contestants)
    source = source_of(options.model, options.suite, options.commit)
    for name in (source.label.algo, options.settings or source.settings):
        if name not in contestants.METHODS:
            raise ValueError(f"unknown method {name!r}; known methods: {', '.join(contestants.METHODS)}")
    source = source._replace(settings=options.settings or source.settings)
    kind: SolverKind = "search" if options.search else "attempts"
    budget = options.search or options.attempts
    to = options.to or zoo.AGENTS
    return make_entry(source, options.name, contestants, to, options.allow_dirty, kind, budget)
