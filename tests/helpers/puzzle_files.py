"""Every form in which puzzles are written to files, for tests that read them back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trm_envs.maze.generator import generate as mazes
from trm_envs.maze.text import format_mazes, read_mazes
from trm_envs.sudoku.generator import generate as sudokus
from trm_envs.sudoku.text import format_grids, read_puzzles

Array = np.ndarray[Any, np.dtype[Any]]


class Puzzles(NamedTuple):
    """Some puzzles of one kind, as arrays and as lines, and their reader."""

    grids: Array
    lines: list[str]
    size: int
    read: Callable[[Any], Array]

    @property
    def rows(self) -> list[list[str]]:
        """The rows of each puzzle."""
        n = self.size
        return [[line[start : start + n] for start in range(0, n * n, n)] for line in self.lines]


BLANKS = {4: (6, 8), 9: (30, 56), 16: (90, 120)}


def sudoku(size: int, count: int = 3, seed: int = 0) -> Puzzles:
    grids = sudokus(size, BLANKS[size], count, np.random.default_rng(seed))
    return Puzzles(grids, format_grids(grids), size, lambda source: read_puzzles(source, size))


def maze(size: int, count: int = 3, seed: int = 0) -> Puzzles:
    grids = mazes(size, count, np.random.default_rng(seed), 0.5)
    return Puzzles(grids, format_mazes(grids), size, lambda source: read_mazes(source, size))


def table(puzzles: Puzzles, heads: str, row: str, delimiter: str = ",") -> str:
    """A table of text; `{}` in a row is the puzzle, and `{n}` its number."""
    rows = [row.replace("{n}", str(n)).replace("{}", line) for n, line in enumerate(puzzles.lines)]
    return "\n".join([heads, *rows]).replace(",", delimiter) + "\n"


TEXTS: dict[str, Callable[[Puzzles], str]] = {
    "lines.txt": lambda p: "\n".join(p.lines),
    "lines.TXT": lambda p: "\n".join(p.lines) + "\n\n",
    "lines.sdm": lambda p: "\n".join(p.lines),
    "rows.txt": lambda p: "\n\n".join("\n".join(rows) for rows in p.rows),
    "rows-close.txt": lambda p: "\n".join("\n".join(rows) for rows in p.rows),
    "lower.txt": lambda p: "\n".join(p.lines).lower(),
    "words-after.txt": lambda p: "\n".join(f"{line}  easy, no. 7" for line in p.lines),
    "columns-after.txt": lambda p: "\n".join(f"{line};7.5;Euler" for line in p.lines),
    "tabs.txt": lambda p: "\n".join(f"{line}\t7.5" for line in p.lines),
    "only.csv": lambda p: "\n".join(p.lines),
    "headed.csv": lambda p: table(p, "puzzle,rating", "{},3"),
    "pandas.csv": lambda p: table(p, ",puzzle,solution", "{n},{},none"),
    "last.CSV": lambda p: table(p, "id,solution,Quizzes", "{n},none,{}"),
    "strange.csv": lambda p: table(p, "id,board,stars", "{n},{},4"),
    "unheaded.csv": lambda p: "\n".join(f"{n},{line},4" for n, line in enumerate(p.lines)),
    "semicolons.csv": lambda p: table(p, ",puzzle,solution", "{n},{},none", ";"),
    "quoted.csv": lambda p: table(p, '"id","puzzle"', '"{n}","{}"'),
    "series.csv": lambda p: table(p, ",0", "{n},{}"),
    "headed.txt": lambda p: table(p, "quizzes,solutions", "{},none"),
    "text.jsonl": lambda p: "\n".join(json.dumps(line) for line in p.lines),
    "object.jsonl": lambda p: "\n".join(json.dumps({"id": 1, "puzzle": line}) for line in p.lines),
    "unnamed.jsonl": lambda p: "\n".join(json.dumps({"id": 1, "board": line, "by": "me"}) for line in p.lines),
    "cells.jsonl": lambda p: "\n".join(json.dumps(grid.tolist()) for grid in p.grids),
    "nested.jsonl": lambda p: "\n".join(
        json.dumps({"maze": grid.reshape(p.size, p.size).tolist()}) for grid in p.grids
    ),
    "rows.jsonl": lambda p: "\n".join(json.dumps(rows) for rows in p.rows),
    "object.txt": lambda p: "\n".join(json.dumps({"puzzle": line}) for line in p.lines),
}
"""File name -> its text, of Sudoku and mazes alike."""


def bars(rows: list[str], side: int, rule: str) -> list[str]:
    """Rows with bars between boxes, and a rule between bands."""
    barred = ["|".join(row[start : start + side] for start in range(0, len(row), side)) for row in rows]
    bands = [barred[start : start + side] for start in range(0, len(rows), side)]
    return [line for band in bands for line in [rule, *band]][1:]


def simple_sudoku(rows: list[str], side: int) -> str:
    """The `.ss` form, frame included."""
    edge = "*" + "-" * (len(rows) + side - 1) + "*"
    middle = "|" + "+".join("-" * side for _ in range(side)) + "|"
    inner = bars(rows, side, middle)
    return "\n".join([edge, *(line if line == middle else f"|{line}|" for line in inner), edge])


SUDOKU: dict[str, Callable[[Puzzles], str]] = {
    **{
        f"blank-{number}.txt": lambda p, b=blank: "\n".join(p.lines).replace(".", b)
        for number, blank in enumerate("0*_-?")
    },
    **{
        f"blank-rows-{number}.txt": lambda p, b=blank: "\n\n".join("\n".join(rows) for rows in p.rows).replace(".", b)
        for number, blank in enumerate("0*_-?")
    },
    "puzzle.sdk": lambda p: "\n".join(
        ["#A somebody", *(line for rows in p.rows for line in ["[Puzzle]", *rows, "[State]", *rows[::-1]])]
    ),
    "plain.sdk": lambda p: "\n".join(["#C a comment", *(row for rows in p.rows for row in rows)]),
    "rules.ss": lambda p: "\n\n".join(
        "\n".join(bars(rows, round(p.size**0.5), "-" * (p.size + round(p.size**0.5) - 1))) for rows in p.rows
    ),
    "framed.SS": lambda p: "\n".join(simple_sudoku(rows, round(p.size**0.5)) for rows in p.rows),
    "bands.txt": lambda p: "\n\n\n".join("\n".join(bars(rows, round(p.size**0.5), "")) for rows in p.rows),
    "comments.txt": lambda p: "# mine\n" + "\n# more\n".join(p.lines),
    "spaces.txt": lambda p: "\n\n".join("\n".join(" ".join(row) for row in rows) for rows in p.rows),
    "numbers.txt": lambda p: "\n".join(" ".join(map(str, row)) for row in p.grids.reshape(-1, p.size)),
    "cells.csv": lambda p: "\n".join(",".join(map(str, row)) for row in p.grids.reshape(-1, p.size)),
    "gaps.csv": lambda p: "\n".join(
        ",".join(str(value) if value or not row.any() else "" for value in row) for row in p.grids.reshape(-1, p.size)
    ),
}
"""Forms that Sudoku alone has."""

MAZES: dict[str, Callable[[Puzzles], str]] = {
    "spaces.txt": lambda p: "\n".join(p.lines).replace(".", " "),
    "space-rows.txt": lambda p: "\n\n".join("\n".join(rows) for rows in p.rows).replace(".", " ").replace("G", "E"),
    "end.txt": lambda p: "\n".join(p.lines).replace("G", "E"),
    "named.csv": lambda p: table(p, "n,maze", "{n},{}").replace(".", " "),
    "values.txt": lambda p: "\n".join("".join(map(str, grid)) for grid in p.grids),
    "after.txt": lambda p: "\n".join(f"{line.replace('.', ' ')} by Ariadne" for line in p.lines),
}
"""Forms that mazes alone have."""

ARRAYS: dict[str, Callable[[Puzzles, Any], None]] = {
    "flat.npy": lambda p, file: np.save(file, p.grids),
    "square.NPY": lambda p, file: np.save(file, p.grids.reshape(-1, p.size, p.size).astype(np.int64)),
    "fortran.npy": lambda p, file: np.save(file, np.asfortranarray(p.grids.reshape(-1, p.size, p.size))),
    "swapped.npy": lambda p, file: np.save(file, p.grids.astype(">u2")),
    "text.npy": lambda p, file: np.save(file, np.array(p.lines)),
    "one.npz": lambda p, file: np.savez(file, whatever=p.grids),
    "named.npz": lambda p, file: np.savez_compressed(file, solutions=p.grids[:1], quizzes=p.grids),
}
"""File name -> what writes it."""

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


def write(folder: Path, name: str, puzzles: Puzzles, encoding: str = "utf-8", ends: str = "\n") -> Path:
    """Write puzzles in the form of a name, and packed where it ends in `.gz`."""
    path, inner = folder / name, name.removesuffix(".gz").removesuffix(".GZ")
    if inner in ARRAYS:
        with path.open("wb") as file:
            ARRAYS[inner](puzzles, file)
    else:
        forms = {**TEXTS, **(MAZES if "S" in puzzles.lines[0] else SUDOKU)}
        path.write_bytes(forms[inner](puzzles).replace("\n", ends).encode(encoding))
    if inner != name:
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path
