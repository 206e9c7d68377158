"""Graphs as text: graph6, one line a graph; DIMACS files; or the rows of an adjacency matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids
from trm_envs.reading import FirstFlaw, Notation, OnlyValid, read
from trm_envs.reading.files import ARRAYS, opened, path_of, text_lines

_SHIFT = 63
"""What graph6 adds to six bits, so that they are a character that can be printed."""
_DESCRIPTORS = ("c", "n", "d", "v", "x")
"""Lines of DIMACS: comments; and of nodes, dimensions, coordinates and parameters, which say nothing of edges."""
_FORMATS = (["edge"], ["edges"], ["col"])
"""First words of the line that says how many vertices and edges there are."""
_MOST = 62
"""Vertices up to which graph6 writes their number as one character."""


@cache
def notation(size: int) -> Notation:
    """How the adjacency matrices of graphs with so many vertices are written."""
    return Notation(
        (size, size), high=1, noun=f"graph of {size} vertices", symbols="01", legend="0 and 1", partial=(1,)
    )


def format_graphs(instances: Grids) -> list[str]:
    """A line of graph6 (McKay) for each adjacency matrix of an array of shape (B, n * n)."""
    n = isqrt(instances.shape[1])
    upper = instances.reshape(-1, n, n)[:, *_pairs(n)]
    bits = np.pad(upper, ((0, 0), (0, -upper.shape[1] % 6))).reshape(len(upper), -1, 6)
    codes = (bits @ (1 << np.arange(5, -1, -1)) + _SHIFT).astype(np.uint8)
    return [_head(n) + row.tobytes().decode("ascii") for row in codes]


def parse_graphs(lines: Sequence[str], size: int, name: str = "lines") -> Grids:
    """Read graphs from lines of graph6, as shipped pools hold them: int8 array (B, size * size).

    Raises:
        ValueError: a line is no graph of so many vertices; names it, the cause and the remedy.
    """
    head = _head(size)
    rows, columns = _pairs(size)
    graphs = np.zeros((len(lines), size, size), np.int8)
    for number, line in enumerate(lines, start=1):
        # Beyond ASCII a character has a code above all of graph6.
        codes = np.array([ord(character) - _SHIFT for character in line[len(head) :]], np.int64)
        fits = line.startswith(head) and len(codes) == -(-len(rows) // 6) and ((codes >= 0) & (codes <= _SHIFT)).all()
        bits = (codes[:, None] >> np.arange(5, -1, -1) & 1).ravel()
        if not fits or bits[len(rows) :].any():
            raise ValueError(f"{name}, line {number}: no graph6 of {size} vertices: {line[:40]!r}")
        graphs[number - 1, rows, columns] = graphs[number - 1, columns, rows] = bits[: len(rows)]
    return graphs.reshape(len(lines), -1)


def _head(n: int) -> str:
    """The characters by which graph6 says the number of vertices."""
    if n <= _MOST:
        return chr(n + _SHIFT)
    return "~" + "".join(chr((n >> shift & 63) + _SHIFT) for shift in (12, 6, 0))


def _pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of vertices in the order of graph6: by columns of the upper triangle."""
    columns, rows = np.tril_indices(n, -1)
    return rows, columns


def read_graphs(source: Any, size: int, first_flaw: FirstFlaw) -> Grids:
    """Read a user's graphs of one size, and check every one: int8 array (B, size * size).

    Args:
        source: a DIMACS graph (`p edge n m`, then `e u v`), lines of graph6, or any form of `trm_envs.reading.read` for
            adjacency matrices; text, or the path of a file (`.col`, `.g6`, `.txt`, `.npy`, ...). A DIMACS graph of
            fewer vertices gets isolated ones.
        size: vertices.
        first_flaw: as of `read`.

    Raises:
        ValueError: a form or number is wrong, or a graph has a flaw; names the place, the cause and the remedy.
        FileNotFoundError: there is no such file.
    """
    given = source.source if isinstance(source, OnlyValid) else source
    graphs = _of_lines(_lines(given), size, str(path_of(given) or "puzzles"))
    taken = given if graphs is None else graphs
    checked = source._replace(source=taken) if isinstance(source, OnlyValid) else taken
    return read(checked, notation(size), first_flaw)


def _lines(source: Any) -> list[str]:
    """The lines of a source that is text; none of one that is an array."""
    path = path_of(source)
    if path is not None:
        with opened(path) as file:
            return [] if file.kind in ARRAYS else list(text_lines(file.file, str(path)))
    if isinstance(source, str):
        return source.splitlines()
    return list(source) if isinstance(source, list | tuple) and all(isinstance(line, str) for line in source) else []


def _of_lines(lines: list[str], size: int, name: str) -> Grids | None:
    """The graphs of DIMACS or graph6 text; None where it is neither."""
    told = [line.strip() for line in lines]
    told = [line.removeprefix(">>graph6<<") for line in told if line not in ("", ">>graph6<<")]
    if any(line.startswith("p ") for line in told):
        return _dimacs(told, size, name)[None]
    if told and all(line.startswith(_head(size)) for line in told):
        return parse_graphs(told, size, name)
    return None


def _dimacs(lines: Iterable[str], size: int, name: str) -> NDArray[np.int8]:
    """The adjacency matrix of a DIMACS graph, shape (size * size,).

    A file lists an edge once or in both directions, and counts what it lists or what there is. One that has neither
    number of edges has lost some.
    """
    graph = np.zeros((size, size), np.int8)
    vertices = said = listed = 0
    for line in lines:
        kind, *words = line.split()
        numbers = [int(word) for word in words if word.isdecimal()]
        if kind == "p":
            if vertices:
                raise ValueError(f"{name}: {line!r} begins another graph: give each a file of its own")
            if words[:1] not in _FORMATS or len(words) != 3 or len(numbers) != 2 or not 1 <= numbers[0] <= size:
                raise ValueError(
                    f"{name}: {line!r} is no graph of at most {size} vertices: choose an environment for it"
                )
            vertices, said = numbers
        elif kind == "e":
            if len(words) != 2 or len(numbers) != 2 or not 1 <= min(numbers) <= max(numbers) <= vertices:
                raise ValueError(f"{name}: {line!r} is no edge of two vertices within 1..{vertices}, `e U V` after `p`")
            u, v = numbers[0] - 1, numbers[1] - 1
            graph[u, v] = graph[v, u] = 1
            listed += 1
        elif kind not in _DESCRIPTORS:
            raise ValueError(f"{name}: {line!r} is no line of a DIMACS graph: comments begin with `c `")
    if said not in (listed, np.count_nonzero(np.triu(graph))):
        raise ValueError(f"{name}: {listed} edges of the {said} that it announces: is the file whole?")
    return graph.ravel()
