"""Classical colouring: DSATUR, exact search, tabu search, what is forced, and what is wrong with an instance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.task import Grids
from trm_envs.splitmix import below

MOST_NODES = 20_000
"""Colours that an exact search tries before it gives up."""

MOST_JUDGED = 100_000
"""Plans that the tabu search after it judges."""

Counts = NDArray[np.int64]


@kernel()
def _most_saturated(graph: Grids, plan: NDArray[np.int8], counts: Counts) -> int:
    """The vertex without a colour whose neighbours have the most colours, then the most neighbours; -1: there is none.

    The saturation rule of DSATUR (Brelaz 1979). graph (n, n), plan (n,), counts (n, k).
    """
    best, best_rank = -1, -1
    n = len(plan)
    for v in range(n):
        if plan[v] == 0:
            saturation, degree = 0, 0
            for colour in range(counts.shape[1]):
                saturation += counts[v, colour] > 0
            for u in range(n):
                degree += graph[v, u]
            if saturation * n + degree > best_rank:
                best, best_rank = v, saturation * n + degree
    return best


@kernel()
def _paint(graph: Grids, plan: NDArray[np.int8], counts: Counts, vertex: int, colour: int) -> None:
    """Give a vertex a colour 1..k, or 0 for none, and keep the counts of its neighbours."""
    for u in range(len(plan)):
        if graph[vertex, u]:
            if plan[vertex] > 0:
                counts[u, plan[vertex] - 1] -= 1
            if colour > 0:
                counts[u, colour - 1] += 1
    plan[vertex] = colour


@kernel()
def _dsatur_all(graphs: Grids, colours: int, plans: Grids) -> None:
    for b in range(len(graphs)):
        counts = np.zeros((plans.shape[1], colours), np.int64)
        plans[b] = 0
        while True:
            vertex = _most_saturated(graphs[b], plans[b], counts)
            if vertex < 0:
                break
            colour = 0
            while colour < colours and counts[vertex, colour] > 0:
                colour += 1
            if colour == colours:
                break
            _paint(graphs[b], plans[b], counts, vertex, colour + 1)


@kernel()
def _forced_all(graphs: Grids, colours: int, plans: Grids) -> None:
    n = plans.shape[1]
    for b in range(len(graphs)):
        counts = np.zeros((n, colours), np.int64)
        plan, used, found = plans[b], 0, True
        plan[:] = 0
        while found:
            found = False
            for v in range(n):
                # Colours that no vertex has are alike: they are one choice.
                choices, colour = int(used < colours), used + 1
                for c in range(used):
                    if counts[v, c] == 0:
                        choices, colour = choices + 1, c + 1
                if plan[v] == 0 and choices == 1:
                    _paint(graphs[b], plan, counts, v, colour)
                    used, found = max(used, colour), True


@kernel()
def _search(graph: Grids, colours: int, most: int, plan: NDArray[np.int8]) -> int:
    """Colour a graph by backtracking; 1: done, 0: it has no colouring, -1: undecided after `most` tries."""
    n = len(plan)
    counts = np.zeros((n, colours), np.int64)
    order, used = np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
    plan[:] = 0
    depth, tries = 0, 0
    order[0] = _most_saturated(graph, plan, counts)
    while depth >= 0:
        vertex = order[depth]
        colour = plan[vertex] + 1
        _paint(graph, plan, counts, vertex, 0)
        # New colours are alike: only the first of them is tried.
        last = min(colours, used[depth] + 1)
        while colour <= last and counts[vertex, colour - 1] > 0:
            colour += 1
        if colour > last:
            depth -= 1
            continue
        tries += 1
        if tries > most:
            return -1
        _paint(graph, plan, counts, vertex, colour)
        used[depth + 1] = max(used[depth], colour)
        depth += 1
        if depth == n:
            return 1
        order[depth] = _most_saturated(graph, plan, counts)
    return 0


@kernel()
def _search_all(graphs: Grids, colours: int, most: int, plans: Grids, outcomes: NDArray[np.int64]) -> None:
    for b in range(len(graphs)):
        outcomes[b] = _search(graphs[b], colours, most, plans[b])


@kernel()
def _random_plan(graph: Grids, colours: int, stream: NDArray[np.uint64], plan: NDArray[np.int8], counts: Counts) -> int:
    """A random colouring and its counts; returns its conflicts."""
    plan[:] = 0
    counts[:] = 0
    for v in range(len(plan)):
        _paint(graph, plan, counts, v, 1 + below(stream, colours))
    ends = 0
    for v in range(len(plan)):
        ends += counts[v, plan[v] - 1]
    return ends // 2


@kernel()
def _tabu(graph: Grids, colours: int, most: int, stream: NDArray[np.uint64], plan: NDArray[np.int8]) -> int:
    """Tabu search from a random colouring; returns the moves judged. The best plan is left in `plan`."""
    n = len(plan)
    counts, until = np.zeros((n, colours), np.int64), np.zeros((n, colours), np.int64)
    now = np.empty(n, np.int8)
    conflicts = _random_plan(graph, colours, stream, now, counts)
    plan[:] = now
    best, judged, move = conflicts, 1, 0
    while best > 0 and judged < most:
        vertex, colour, least, ties, broken = -1, 0, n * n, 0, 0
        for v in range(n):
            own = counts[v, now[v] - 1]
            broken += own > 0
            for c in range(colours if own > 0 else 0):
                if c == now[v] - 1 or judged == most:
                    continue
                judged += 1
                change = counts[v, c] - own
                # A move that is tabu is allowed where it is better than all before.
                if (until[v, c] > move and conflicts + change >= best) or change > least:
                    continue
                ties = ties + 1 if change == least else 1
                if ties == 1 or below(stream, ties) == 0:
                    vertex, colour = v, c
                least = change
        move += 1
        if vertex >= 0:
            until[vertex, now[vertex] - 1] = move + below(stream, 10) + 6 * broken // 10
            _paint(graph, now, counts, vertex, colour + 1)
            conflicts += least
            if conflicts < best:
                best = conflicts
                plan[:] = now
    return judged


@kernel()
def _tabu_all(
    graphs: Grids, colours: int, most: int, seeds: NDArray[np.uint64], plans: Grids, judged: NDArray[np.int64]
) -> None:
    for b in range(len(graphs)):
        judged[b] = _tabu(graphs[b], colours, most, seeds[b : b + 1], plans[b])


def _graphs(instances: Grids) -> Grids:
    n = round(instances.shape[1] ** 0.5)
    return np.ascontiguousarray(instances.reshape(len(instances), n, n))


def dsatur(instances: Grids, colours: int) -> Grids:
    """The colourings of DSATUR (Brelaz 1979), shape (B, n): a vertex that no colour fits ends it, and stays without.

    Args:
        instances: adjacency matrices, shape (B, n * n).
        colours: k.
    """
    graphs = _graphs(instances)
    plans = np.zeros(graphs.shape[:2], np.int8)
    _dsatur_all(graphs, colours, plans)
    return plans


def forced(instances: Grids, colours: int) -> Grids:
    """The colours that follow without a guess, shape (B, n), 0 where none does.

    A vertex is coloured where one choice is left to it. Colours that no vertex has yet differ in their names alone, so
    they count as one choice: the first vertex is coloured, and every vertex that sees all colours in use.
    """
    graphs = _graphs(instances)
    plans = np.zeros(graphs.shape[:2], np.int8)
    _forced_all(graphs, colours, plans)
    return plans


def colour(instances: Grids, colours: int, rng: np.random.Generator | None = None) -> Grids:
    """Colourings by exact search, and by tabu search where that gives up, shape (B, n); all 0 where none is found.

    Args:
        instances: adjacency matrices, shape (B, n * n).
        colours: k.
        rng: of the tabu search; None: always the same.
    """
    plans, found = solve(instances, colours)
    left = np.flatnonzero(found < 0)
    if len(left):
        rng = np.random.default_rng(0) if rng is None else rng
        plans[left], _ = tabu(instances[left], colours, MOST_JUDGED, rng)
        n = plans.shape[1]
        same = (plans[left][:, :, None] == plans[left][:, None, :]) & (instances[left].reshape(-1, n, n) == 1)
        found[left] = np.where(same.any(axis=(1, 2)), -1, 1)
    return np.where(found[:, None] == 1, plans, 0).astype(np.int8)


def solve(instances: Grids, colours: int, most: int = MOST_NODES) -> tuple[Grids, NDArray[np.int64]]:
    """Colour graphs exactly, by backtracking in the order of DSATUR.

    Args:
        instances: adjacency matrices, shape (B, n * n).
        colours: k.
        most: colours tried before an instance is given up.

    Returns:
        Plans, shape (B, n), and what is known of each instance, shape (B,): 1 coloured, 0 it has no colouring,
        -1 undecided. Only plans of the first kind mean anything.
    """
    graphs = _graphs(instances)
    plans, outcomes = np.zeros(graphs.shape[:2], np.int8), np.zeros(len(graphs), np.int64)
    _search_all(graphs, colours, most, plans, outcomes)
    return plans, outcomes


def tabu(instances: Grids, colours: int, most: int, rng: np.random.Generator) -> tuple[Grids, NDArray[np.int64]]:
    """The best colourings that tabu search finds (TabuCol, Hertz and de Werra 1987), and the plans judged for each.

    A move gives a vertex in conflict another colour, and every move that is looked at counts as a plan judged. The move
    back is tabu for 0.6 times the vertices in conflict plus 0 to 9 moves (Galinier and Hao 1999).

    Args:
        instances: adjacency matrices, shape (B, n * n).
        colours: k.
        most: plans judged of each instance.
        rng: source of a seed each.
    """
    graphs = _graphs(instances)
    plans, judged = np.zeros(graphs.shape[:2], np.int8), np.zeros(len(graphs), np.int64)
    seeds = rng.integers(2**64, size=len(graphs), dtype=np.uint64)
    _tabu_all(graphs, colours, most, seeds, plans, judged)
    return plans, judged


def first_flaw(instances: Grids, size: int, colours: int) -> tuple[int, str] | None:
    """Index and flaw of the first of these instances, shape (B, size * size), that has one, or None.

    Whether the colours suffice is searched for with `MOST_NODES`; what is undecided then passes.
    """
    graphs = instances.reshape(len(instances), size, size)
    for index, graph in enumerate(graphs):
        if fault := _fault(graph):
            return index, fault
    short = np.flatnonzero(solve(instances, colours)[1] == 0)
    if len(short):
        return int(short[0]), f"{colours} colours do not suffice for it: take more colours, or leave it out"
    return None


def _fault(graph: Grids) -> str | None:
    if graph.min() < 0 or graph.max() > 1:
        return "an adjacency matrix holds 0 and 1"
    if graph.diagonal().any():
        vertex = int(graph.diagonal().argmax()) + 1
        return f"vertex {vertex} is joined to itself: leave out the loop"
    if not np.array_equal(graph, graph.T):
        row, column = np.argwhere(graph != graph.T)[0] + 1
        return f"the matrix is not symmetric: row {row}, column {column} differs from row {column}, column {row}"
    return None
