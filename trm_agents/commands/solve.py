"""Solve a puzzle, or a file of puzzles, and say what it cost."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from trm_agents.commands import agents, arguments, spending
from trm_agents.commands import puzzles as reading

if TYPE_CHECKING:
    from trm_agents.commands.puzzles import Puzzles
    from trm_agents.solving import Solutions

ATTEMPTS = 127
"""Attempts by default: most puzzles need one, and those left over are worth more."""
EPILOG = "Exit code: 0 all are solved, 1 some are not, 2 bad input."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    text = (
        "a puzzle as one line of text, or a .txt, .csv or .npy file of puzzles. Sudoku: digits, '.' or 0 for a blank; "
        "mazes: '#' wall, '.' free, S start, G goal, row after row"
    )
    parser.add_argument("puzzle", metavar="PUZZLE_OR_FILE", help=text)
    arguments.add_environment(parser, required=True)
    parser.add_argument("--model", metavar="MODEL", help=f"{agents.HELP} (default: the zoo's for this environment)")
    arguments.add_solver(parser, f"{ATTEMPTS}; an attempt is made only while the puzzle is unsolved")
    arguments.add_json(parser, "one JSON object a puzzle and nothing else")


def run(options: argparse.Namespace) -> int:
    """Solve and print; 1 where some puzzle is not solved."""
    if options.attempts is None and options.search is None:
        options.attempts = ATTEMPTS
    agent = agents.about(options.model, options.env) if options.model else agents.default(options.env)
    puzzles = reading.read(agent.env_id, options.puzzle, agent.keywords, options.env_kwargs)
    found = spending.spend(agents.load(agent, puzzles.env), puzzles, agent.env_id, options)
    console = Console(highlight=False)
    for row in range(len(puzzles.instances)):
        facts = _facts(puzzles, found, row)
        if options.json:
            print(json.dumps(facts))
        else:
            _show(console, puzzles, found, row, facts)
    return int(not found.solved.all())


def _facts(puzzles: Puzzles, found: Solutions, row: int) -> dict[str, Any]:
    """One puzzle: its text, its solution's text or null, and the costs."""
    task, instance, solved = puzzles.mdp.task, puzzles.instances[row], bool(found.solved[row])
    first = task.initial_plans(instance[None])[0]
    plan = reading.line(task.view(instance, found.plans[row])) if solved else None
    costs = {name: int(getattr(found, field)[row]) for field, name in spending.COSTS.items()}
    return {"puzzle": reading.line(task.view(instance, first)), "solved": solved, "plan": plan, **costs}


def _show(console: Console, puzzles: Puzzles, found: Solutions, row: int, facts: dict[str, Any]) -> None:
    if facts["solved"]:
        drawn = puzzles.mdp.task.render_text(puzzles.instances[row], found.plans[row])
        console.print(Text.from_ansi(drawn), soft_wrap=True)
        console.print(facts["plan"], soft_wrap=True, markup=False)
    word = "[bold green]solved[/]" if facts["solved"] else "[bold red]not solved[/]"
    console.print(f"puzzle {row + 1}: {word}: {spending.cost_text(facts)}", soft_wrap=True)
