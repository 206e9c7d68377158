"""Arguments and values that commands share."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

from benchmarks.protocol.evaluation import Contestants
from benchmarks.protocol.folder import CURVE_POINTS
from benchmarks.protocol.published import plain
from benchmarks.running import models


def names(text: str) -> list[str]:
    """`a,b@rate=[1,2]` -> ["a", "b@rate=[1,2]"]."""
    found = [name.strip() for name in re.split(r",(?![^\[]*\])", text) if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("give at least one name")
    return found


def seeds(text: str) -> list[int]:
    """`0-2,7` -> [0, 1, 2, 7]."""
    out: list[int] = []
    for part in names(text):
        lo, dash, hi = part.partition("-")
        if not lo.isdecimal() or (dash and not hi.isdecimal()) or (dash and int(hi) < int(lo)):
            raise argparse.ArgumentTypeError(f"seeds are like 0-4 or 0,1,7, got {text!r}")
        out += range(int(lo), int(hi) + 1) if dash else [int(lo)]
    return list(dict.fromkeys(out))


def positive(text: str) -> int:
    """An integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def depth(text: str) -> int | Literal["auto"]:
    """An integer of at least 1, or `auto`."""
    return "auto" if text == "auto" else positive(text)


def not_negative(text: str) -> int:
    """An integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer of at least 0, got {text!r}")
    return int(text)


def budgets(text: str) -> list[int]:
    """`0,10,50` -> [0, 10, 50], in increasing order."""
    return sorted({not_negative(part) for part in names(text)})


def counts(text: str) -> list[int]:
    """`8,32` -> [8, 32], in increasing order; none of them 0."""
    return sorted({positive(part) for part in names(text)})


def model_file(text: str) -> Path:
    """`MODEL.zip` as it is, `zoo:NAME` as the file of that agent."""
    try:
        return models.located(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def published_name(text: str) -> str:
    """A plain name: what is published lies in the folder of published rows."""
    try:
        return plain(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_points(parser: argparse.ArgumentParser) -> None:
    """`--points N`."""
    parser.add_argument(
        "--points",
        type=positive,
        default=CURVE_POINTS,
        metavar="N",
        help="measurements of each learning curve (default: 8); 1 is its end alone, for agents that are slow to score",
    )


def add_contestants(parser: argparse.ArgumentParser) -> None:
    """`--contestants MODULE`."""
    parser.add_argument(
        "--contestants",
        default="baselines",
        metavar="MODULE",
        help="module with METHODS, LINES and SPACES (default: baselines)",
    )


def contestants(module: str) -> Contestants:
    """The contestants of a module.

    Raises:
        ValueError: there is no such module.
    """
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"cannot import the contestants {module!r}: {error}") from error
    return cast(Contestants, found)


def add_out(parser: argparse.ArgumentParser) -> None:
    """The folder of a run."""
    parser.add_argument("out", type=Path, help="folder of a run")
