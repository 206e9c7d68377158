"""Pages of the environments, from registration and docstrings: `python docs/generate.py` writes docs/environments/."""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path

import gymnasium as gym

import trm_envs
from trm_envs.registration import Row

FOLDER = Path(__file__).parent / "environments"
HEADS = ("id", "actions", "cells", "symbols", "edits", "entry point")
NOTE = "<!-- Made by `python docs/generate.py` from registration and docstrings. -->"


def ids(rows: list[Row]) -> str:
    """A Markdown table, one line an id."""
    lines = [f"| {' | '.join(HEADS)} |", f"| :--- |{' ---: |' * 4} :--- |"]
    for row in rows:
        env = gym.make(row.id)
        spaces = env.observation_space.spaces
        cells, symbols = spaces["plan"].shape[0], int(spaces["plan"].high.max()) + 1
        edits = int(spaces["remaining_edits"].high.max())
        entry = str(gym.spec(row.id).entry_point).partition(":")[2]
        lines.append(f"| `{row.id}` | {env.action_space.n} | {cells} | {symbols} | {edits} | `{entry}` |")
    return "\n".join(lines)


def page(puzzle: str, rows: list[Row]) -> str:
    """The Markdown page of one puzzle: its ids, and the documentation of its class."""
    documentation = inspect.getdoc(type(gym.make(rows[0].id).unwrapped)) or ""
    opening = (
        f'Open one with `gym.make("trm_envs:{rows[0].id}")`, and many at once with '
        f'`gym.make_vec("trm_envs:{rows[0].id}", num_envs=B)`.'
    )
    return "\n\n".join([f"# {puzzle.capitalize()}", NOTE, opening, ids(rows), documentation]) + "\n"


def pages() -> dict[str, str]:
    """File name -> text, the index included."""
    puzzles = {name: list(rows) for name, rows in groupby(trm_envs.ENVIRONMENTS, key=lambda row: row.puzzle)}
    words = (
        "An episode starts on an instance with its first plan: the givens, or start and goal. An action edits one\n"
        "cell of the plan. The reward is what a cheap checker says about the change.\n"
        "[Your own problem](../own_problem.md) shows how to add a puzzle."
    )
    tables = [f"## [{name.capitalize()}]({name}.md)\n\n{ids(rows)}" for name, rows in puzzles.items()]
    index = "\n\n".join(["# Environments", NOTE, words, *tables]) + "\n"
    return {"index.md": index, **{f"{name}.md": page(name, rows) for name, rows in puzzles.items()}}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
