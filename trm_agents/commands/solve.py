"""Solve a puzzle, or a file of puzzles, and say what it cost."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.text import Text

from trm_agents.commands import agents, arguments

EPILOG = (
    "By default an agent makes the attempts that its card names. Without any, its policy edits the plan, and a puzzle "
    f"that this leaves unsolved gets {agents.ATTEMPTS} attempts. Exit code: 0 all are solved, 1 some are not, 2 bad "
    "input."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    text = (
        "a puzzle as one line of text, or a file of puzzles: .txt, .csv, .jsonl, .sdk, .sdm, .ss, .npy, .npz, or one "
        "of them with .gz. Sudoku: digits, '.' or 0 for a blank; mazes: '#' wall, '.' free, S start, G goal; Light Up: "
        "'#' wall, '.' open, 0 to 4 a wall with that number; row after row"
    )
    parser.add_argument("puzzle", metavar="PUZZLE_OR_FILE", help=text)
    arguments.add_environment(parser, required=True)
    parser.add_argument("--model", metavar="MODEL", help=f"{agents.HELP} (default: the zoo's for this environment)")
    arguments.add_solver(parser, "see below")
    arguments.add_skip_invalid(parser)
    arguments.add_trust(parser)
    arguments.add_json(parser, "one JSON object a puzzle and nothing else")


def run(options: argparse.Namespace) -> int:
    """Solve and print; 1 where some puzzle is not solved."""
    # Loads numba: no help should wait for it.
    from trm_agents.commands import puzzles as reading
    from trm_agents.commands import spending
    from trm_agents.streaming.showing import tell_skipped
    from trm_envs.reading import OnlyValid

    agent = agents.default(options.env) if options.model is None else agents.about(options.model, options.env)
    skipped: list[str] = []
    source = OnlyValid(options.puzzle, skipped) if options.skip_invalid else options.puzzle
    puzzles = reading.read(agent.env_id, source, agent.keywords, options.env_kwargs)
    tell_skipped(skipped, len(puzzles.instances))
    model = agents.load(agent, puzzles.env, options.trust)
    budgets = spending.budgets(options)
    if all(budget is None for budget in budgets.values()):
        found = spending.spend_as_needed(model, agent, puzzles)
    else:
        found = spending.spend(model, agent, puzzles, **budgets)
    console, task = Console(highlight=False), puzzles.mdp.task
    for row, instance in enumerate(puzzles.instances):
        facts = spending.solution(puzzles.mdp, instance, found, row)
        if options.json:
            print(json.dumps(facts))
        else:
            _show(console, task.render_text(instance, found.plans[row]), row + 1, facts, spending.cost_text(facts))
    return int(not found.solved.all())


def _show(console: Console, drawn: str, number: int, facts: dict[str, Any], cost: str) -> None:
    """One puzzle, counted from 1: its solution as it is drawn and as text, and what it cost."""
    if facts["solved"]:
        console.print(Text.from_ansi(drawn), soft_wrap=True)
        console.print(facts["plan"], soft_wrap=True, markup=False)
    word = "[bold green]solved[/]" if facts["solved"] else "[bold red]not solved[/]"
    console.print(f"puzzle {number}: {word}: {cost}", soft_wrap=True)
