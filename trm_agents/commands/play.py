"""Edit the plan of a puzzle yourself, in the terminal."""

from __future__ import annotations

import argparse

from trm_agents.commands import arguments

EPILOG = (
    "An edit is `ROW COLUMN SYMBOL`, and `ROW COLUMN` where a cell has one edit only, as in mazes; rows and columns "
    "count from 1. Where an agent walks, it is `up`, `down`, `left` or `right`. `quit` leaves. Exit code: 0 solved, "
    "1 not solved, 2 bad input."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    arguments.add_environment(parser, required=True)
    arguments.add_puzzles(parser)
    arguments.add_choice(parser)


def run(options: argparse.Namespace) -> int:
    """Let a person play one episode; 1 where the puzzle is not solved."""
    # Loads numba: no help should wait for it.
    from trm_agents.commands import game
    from trm_agents.commands import puzzles as reading

    puzzles = reading.read(options.env, options.puzzles, asked=options.env_kwargs)
    index = reading.pick(len(puzzles.instances), options.index, options.seed)
    title = f"puzzle {index} of {len(puzzles.instances)}"
    return int(not game.play(puzzles.env, puzzles.instances[index], title))
