"""Random graphs with a colouring: near the threshold and searched for one, or planted."""

from __future__ import annotations

from math import log
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trm_envs.colouring.solver import colour
from trm_envs.instances.numbers import whole
from trm_envs.instances.ranges import Range
from trm_envs.jit import kernel
from trm_envs.plan_edit.task import Grids
from trm_envs.splitmix import below, shuffle

Kind = Literal["random", "planted"]
KINDS = get_args(Kind)

NEAR = (0.8, 0.9)
"""Least and largest share of the edges at the threshold that a graph has by default."""


def edges_at_threshold(size: int, colours: int) -> int:
    """Edges at which random graphs cease to be colourable, n / 2 times 2 k ln k - ln k - 1.

    The average degree at the threshold tends to that as k grows, from below (Coja-Oghlan 2013).
    """
    degree = 2 * colours * log(colours) - log(colours) - 1
    return min(round(degree * size / 2), size * (size - 1) // 2)


def usual_edges(size: int, colours: int) -> tuple[int, int]:
    """Least and largest number of edges of a graph near the threshold."""
    least, most = (round(share * edges_at_threshold(size, colours)) for share in NEAR)
    return least, most


@kernel()
def _draw_all(graphs: Grids, colours: int, least: int, most: int, seeds: NDArray[np.uint64]) -> None:
    """Fill in random graphs; with `colours`, no edge is within a class of a hidden, balanced colouring."""
    n = graphs.shape[1]
    order, pairs = np.arange(n), np.empty(n * (n - 1) // 2, np.int64)
    for b in range(len(graphs)):
        stream = seeds[b : b + 1]
        wanted = least + below(stream, most - least + 1)
        shuffle(stream, order)
        count = 0
        for i in range(n):
            for j in range(i):
                if colours == 0 or i % colours != j % colours:
                    pairs[count] = i * n + j
                    count += 1
        for index in range(min(wanted, count)):
            other = index + below(stream, count - index)
            pairs[index], pairs[other] = pairs[other], pairs[index]
            v, u = order[pairs[index] // n], order[pairs[index] % n]
            graphs[b, v, u] = graphs[b, u, v] = 1


def check_numbers(size: int, colours: int, kind: str) -> None:
    """Raise ValueError where no graphs of this kind are generated."""
    whole("size, the vertices of generated graphs,", size, 4)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if not 3 <= whole("colours", colours, 3) <= 9:
        raise ValueError(f"colours of generated graphs must be within 3..9, got {colours}")


def generate(
    size: int, colours: int, kind: Kind, count: int, rng: np.random.Generator, edges: Range | None = None
) -> Grids:
    """Graphs that can be coloured, adjacency matrices as int8 of shape (count, size * size).

    The number of edges is drawn uniformly, then the edges: `random` among all pairs of vertices, and a graph for which
    neither tabu search nor exact search finds a colouring is drawn again; `planted` among the pairs that a hidden
    colouring with classes of equal size tells apart. The colouring is forgotten.

    Args:
        size: vertices n >= 4.
        colours: k, 3 to 9.
        kind: `random` or `planted`.
        count: number of graphs.
        rng: source of all randomness.
        edges: least and largest number of edges; None: `usual_edges`.

    Raises:
        ValueError: a value is outside its range.
    """
    check_numbers(size, colours, kind)
    least, most = usual_edges(size, colours)
    if edges is not None:
        least, most = edges[0], most if edges[1] is None else edges[1]
    kept: list[Grids] = [np.zeros((0, size * size), np.int8)]
    while (missing := count - sum(map(len, kept))) > 0:
        graphs = np.zeros((missing, size, size), np.int8)
        seeds = rng.integers(2**64, size=missing, dtype=np.uint64)
        _draw_all(graphs, colours if kind == "planted" else 0, least, most, seeds)
        drawn = graphs.reshape(missing, -1)
        kept.append(drawn if kind == "planted" else drawn[colour(drawn, colours, rng)[:, 0] > 0])
    return np.concatenate(kept)
