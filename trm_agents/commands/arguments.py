"""Arguments that verbs share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def positive(text: str) -> int:
    """An integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def not_negative(text: str) -> int:
    """An integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer of at least 0, got {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return value


def keywords(text: str) -> dict[str, Any]:
    """A JSON object: keywords of an environment."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'must be a JSON object such as {{"max_edits": 20}}, got {text!r}')
    return found


def add_environment(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """`--env ID` and `--env-kwargs JSON`."""
    default = "" if required else " (default: that of the agent's card)"
    text = f"environment id, as SudokuPlanEdit-9x9-v0{default}; PACKAGE:ID names one that another package registers"
    parser.add_argument("--env", required=required, metavar="ID", help=text)
    parser.add_argument(
        "--env-kwargs", type=keywords, default={}, metavar="JSON", help="further keywords of the environment"
    )


def add_puzzles(parser: argparse.ArgumentParser) -> None:
    """`--puzzles FILE`."""
    text = "puzzles of your own, in any form that the environment reads (default: the test split)"
    parser.add_argument("--puzzles", metavar="FILE", help=text)


def add_skip_invalid(parser: argparse.ArgumentParser) -> None:
    """`--skip-invalid`."""
    text = "leave out puzzles that cannot be solved or break a rule, and list them (default: refuse the file)"
    parser.add_argument("--skip-invalid", action="store_true", help=text)


def add_stream(parser: argparse.ArgumentParser) -> None:
    """`--stream FILE.jsonl` and `--workers N`: how a large file of puzzles is scored."""
    text = "keep a row of every piece of the puzzles in FILE, and go on after the pieces that it has rows of"
    parser.add_argument("--stream", type=Path, metavar="FILE.jsonl", help=text)
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes (default: 1)")


def add_choice(parser: argparse.ArgumentParser) -> None:
    """`--index K` and `--seed S`: which puzzle."""
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--index", type=not_negative, metavar="K", help="the puzzle, counted from 0")
    text = "draws the puzzle otherwise (default: 0)"
    chosen.add_argument("--seed", type=not_negative, default=0, metavar="S", help=text)


def add_solver(parser: argparse.ArgumentParser, default: str) -> None:
    """`--starts N`, `--attempts N`, `--search N`, `--views N`: what is spent on a puzzle beyond the policy's edits."""
    chosen = parser.add_mutually_exclusive_group()
    text = f"at most N further attempts a puzzle, each judged by the checker; 0: the policy alone (default: {default})"
    chosen.add_argument("--attempts", type=not_negative, metavar="N", help=text)
    text = "the policy, with at most N passes before its first edit; 0: one pass an edit (default: as it was saved)"
    chosen.add_argument("--starts", type=not_negative, metavar="N", help=text)
    text = "best-first search with at most N network calls a puzzle instead"
    chosen.add_argument("--search", type=positive, metavar="N", help=text)
    text = "the policy, each edit chosen by the mean over N symmetric copies of the state, at least 2"
    chosen.add_argument("--views", type=positive, metavar="N", help=text)


def add_trust(parser: argparse.ArgumentParser) -> None:
    """`--trust`."""
    text = "run what the pickles in MODEL say, as Stable-Baselines3 does (default: refuse all but known classes)"
    parser.add_argument("--trust", action="store_true", help=text)


def add_json(parser: argparse.ArgumentParser, text: str) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help=text)
