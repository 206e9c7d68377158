"""What the readers of users' own puzzles share: which strings are paths, and which arrays hold integers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids


def path_of(source: object, suffixes: Sequence[str]) -> Path | None:
    """The path that a source of puzzles is; None where it is none.

    A string is a path where a file has that name, or where it ends in one of `suffixes` (lower case), in any case.
    """
    if isinstance(source, str):
        # Not `Path.exists`: it raises where a line of text is too long for a file name.
        return Path(source) if os.path.isfile(source) or Path(source).suffix.lower() in suffixes else None
    return Path(source) if isinstance(source, os.PathLike) else None


def read_line(text: str, parse: Callable[[Sequence[str]], Grids], suffixes: Sequence[str]) -> Grids:
    """Read a string that is no path as one line of text.

    Raises:
        ValueError: it is not a puzzle's line either; says what a string may be, and what is wrong with the line.
    """
    try:
        if not text.strip():
            raise ValueError("it is blank")
        return parse([text])
    except ValueError as error:
        raise ValueError(
            f"{text[:100]!r} is not the name of a file, does not end in {', '.join(suffixes)}, and is not the text of "
            f"one puzzle: {error}"
        ) from None


def load_array(path: Path) -> NDArray[Any]:
    """The array of a `.npy` file.

    Raises:
        ValueError: it holds none.
        FileNotFoundError: the file does not exist.
    """
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except ValueError as error:
        raise ValueError(f"{path}: not a NumPy array file ({error})") from error


def check_integers(array: NDArray[Any], name: str) -> None:
    """Raise ValueError, with the name of the source, unless the dtype is an integer's.

    Floats are refused, whole numbers among them, and so are bool, complex and spans of time.
    """
    # Not `numpy.issubdtype`: to it a span of time is an integer.
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected an integer type, got {array.dtype}; convert with .astype(int)")
