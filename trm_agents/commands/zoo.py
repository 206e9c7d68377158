"""List the agents that come with the package, or show the card of one."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trm_agents.commands import arguments

if TYPE_CHECKING:
    from trm_agents.zoo import Card

COLUMNS: dict[str, Callable[[Card], str]] = {
    "agent": lambda card: card.name,
    "environment": lambda card: card.env_id,
    "policy": lambda card: f"{card.policy.success:.1%}",
    "solver": lambda card: "" if card.solver is None else f"{card.solver.success:.1%}",
    "n": lambda card: str(card.n),
}
"""Columns of the list: head -> what it says of a card."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="an agent, whose card is shown (default: list all)")
    arguments.add_json(parser, "one JSON object an agent and nothing else")


def run(options: argparse.Namespace) -> int:
    """List the agents or show a card."""
    from trm_agents import zoo

    cards = [zoo.card(name) for name in (zoo.names() if options.name is None else [options.name])]
    if options.json:
        for card in cards:
            print(json.dumps(dataclasses.asdict(card)))
    elif options.name is not None:
        print(details(cards[0]))
    else:
        Console(highlight=False).print(table(cards))
    return 0


def table(cards: list[Card]) -> Table:
    """Agents, one a row."""
    out = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for head in COLUMNS:
        out.add_column(head, justify="left" if head in ("agent", "environment") else "right", no_wrap=True)
    for card in cards:
        out.add_row(*(Text(column(card)) for column in COLUMNS.values()))
    return out


def details(card: Card) -> str:
    """All that a card says, one field a line."""
    fields = dataclasses.asdict(card)
    width = max(map(len, fields))
    return "\n".join(f"{name:{width}}  {_text(value)}" for name, value in fields.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
