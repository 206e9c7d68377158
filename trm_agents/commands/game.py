"""A person's episode in the terminal: edits are read from standard input, be it a keyboard or a pipe."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from trm_envs.plan_edit.env import PlanEditEnv


def play(env: PlanEditEnv, instance: NDArray[np.int8], title: str) -> bool:
    """Let a person edit the plan of an instance, shape (n_cells,), until the episode ends; whether it is solved."""
    console = Console(highlight=False)
    console.print(f"{title}; {prompt(env)}, or quit", soft_wrap=True, markup=False)
    observation, info = env.reset(options={"puzzle": instance})
    ended = False
    while not ended:
        _show(console, env, observation, info)
        action = _ask(env)
        if action is None:
            break
        observation, _, ended, _, info = env.step(action)
        if info["invalid_action"]:
            print("that edit is illegal: a cell is locked, or a rule forbids it; nothing changed, and it is spent")
    if ended:
        _show(console, env, observation, info)
    print("solved" if info["is_success"] else "not solved")
    return bool(info["is_success"])


def _show(console: Console, env: PlanEditEnv, observation: dict[str, Any], info: dict[str, Any]) -> None:
    drawn = env.mdp.task.render_text(observation["instance"], observation["plan"])
    console.print(Text.from_ansi(drawn), soft_wrap=True)
    console.print(
        f"score {info['score']:g}, violations {info['violations']}, dead ends {info['dead_ends']}, "
        f"edits left {int(observation['remaining_edits'][0])}"
    )


def prompt(env: PlanEditEnv) -> str:
    """What an edit looks like."""
    symbols = _symbols(env)
    if not env.mdp.task.edits_cells:
        return f"type {', '.join(symbols[:-1])} or {symbols[-1]}, or the first letter"
    return "type ROW COLUMN" if len(symbols) == 1 else f"type ROW COLUMN SYMBOL, SYMBOL one of {' '.join(symbols)}"


def _symbols(env: PlanEditEnv) -> tuple[str, ...]:
    task = env.mdp.task
    return task.view(np.zeros(task.n_instance_cells, np.int8), np.zeros(task.n_cells, np.int8)).edits


def _ask(env: PlanEditEnv) -> int | None:
    """The action that the user types, asked for until it is one; None to quit."""
    while True:
        try:
            words = input("> ").split()
        except EOFError:
            print()
            return None
        if words in (["quit"], ["q"], ["exit"]):
            return None
        try:
            return action_of(env, words)
        except ValueError as error:
            print(error)


def action_of(env: PlanEditEnv, words: list[str]) -> int:
    """The action that words name.

    Args:
        env: whose action.
        words: row and column, counted from 1, and a symbol, or the name of an edit where edits are none of cells; or
            `stop` where there is a stop action.

    Raises:
        ValueError: they name none; says what is wrong and what is right.
    """
    task, symbols = env.mdp.task, _symbols(env)
    if words == ["stop"] and env.mdp.stop_action is not None:
        return task.n_actions
    if not task.edits_cells:
        meant = [edit for edit, name in enumerate(symbols) if words and name.startswith(words[0].lower())]
        if len(words) != 1 or len(meant) != 1:
            raise ValueError(f"{prompt(env)}, or quit; got {' '.join(words)!r}")
        return meant[0]
    if len(symbols) == 1 and len(words) == 2:
        words = [*words, symbols[0]]
    elif len(symbols) == 1 or len(words) != 3:
        raise ValueError(f"{prompt(env)}, or quit; got {' '.join(words)!r}")
    row, column = (_within(*item) for item in zip(words, ("row", "column"), task.shape, strict=False))
    if words[2].upper() not in (named := [symbol.upper() for symbol in symbols]):
        raise ValueError(f"the symbol must be one of {' '.join(symbols)}, got {words[2]!r}")
    cell, symbol = (row - 1) * task.shape[1] + column - 1, named.index(words[2].upper())
    return cell * task.n_symbols + symbol if symbol < task.n_symbols else task.n_cells * task.n_symbols + cell


def _within(text: str, what: str, most: int) -> int:
    """The number of a row or column."""
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ValueError(f"the {what} must be a number within 1..{most}, got {text!r}")
    return int(text)
