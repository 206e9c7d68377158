"""Random mazes: perfect ones by depth-first search, ones with loops by opening dead ends, ones of scattered walls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.maze.paths import FREE, GOAL, START, WALL, Grid, distances, path_lengths
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids
from trm_envs.splitmix import below, shuffle

Stream = NDArray[np.uint64]

BRAID = 0.5
"""The `braid` of shipped mazes with loops: half of the dead ends are opened, the others stay as traps."""


@kernel()
def _cell(room: int, side: int) -> int:
    """The cell of a room: rooms lie on the even rows and columns, the cells between them are their doors."""
    return room // side * 2 * (2 * side - 1) + room % side * 2


@kernel()
def _door(room: int, other: int, side: int) -> int:
    """The cell between two neighbouring rooms."""
    return (_cell(room, side) + _cell(other, side)) // 2


@kernel()
def _carve(maze: Grid, side: int, stream: Stream) -> None:
    """Randomised depth-first search from a random room: a spanning tree of the rooms."""
    maze[:] = WALL
    path = np.empty(side * side, np.int64)
    path[0], length = below(stream, side * side), 1
    maze[_cell(path[0], side)] = FREE
    while length:
        onward, ways = -1, 0
        for direction in range(4):
            other = neighbour(path[length - 1], direction, side)
            if other >= 0 and maze[_cell(other, side)] == WALL:
                ways += 1
                # The k-th way replaces the one held with probability 1 / k: uniform over all of them.
                if below(stream, ways) == 0:
                    onward = other
        if ways == 0:
            length -= 1
        else:
            maze[_door(path[length - 1], onward, side)] = FREE
            maze[_cell(onward, side)] = FREE
            path[length] = onward
            length += 1


@kernel()
def _walled_doors(maze: Grid, room: int, side: int, walled: NDArray[np.int64]) -> tuple[int, int]:
    """Write the walled doors of a room into `walled`; return how many these are and how many doors are open."""
    n_walled, n_open = 0, 0
    for direction in range(4):
        other = neighbour(room, direction, side)
        if other >= 0:
            door = _door(room, other, side)
            if maze[door] == WALL:
                walled[n_walled] = door
                n_walled += 1
            else:
                n_open += 1
    return n_walled, n_open


@kernel()
def _braid(maze: Grid, side: int, braid: float, stream: Stream) -> None:
    """Open a random wall of a share `braid`, rounded up, of the dead ends."""
    rooms, walled = np.arange(side * side), np.empty(4, np.int64)
    dead_ends = 0
    for room in rooms:
        dead_ends += _walled_doors(maze, int(room), side, walled)[1] == 1
    left = int(np.ceil(dead_ends * braid))
    shuffle(stream, rooms)
    for room in rooms:
        n_walled, n_open = _walled_doors(maze, int(room), side, walled)
        if left > 0 and n_open == 1:
            maze[walled[below(stream, n_walled)]] = FREE
            left -= 1


@kernel()
def _place_ends(maze: Grid, side: int, stream: Stream) -> None:
    """Start in a random room, goal in a random one of those whose shortest path to it has at least N cells."""
    size = 2 * side - 1
    far = np.empty(side * side, np.int64)
    start, count = 0, 0
    # A corner room is far enough from the opposite one, so this ends.
    while count == 0:
        start = _cell(below(stream, side * side), side)
        steps = distances(maze, start, size)
        for room in range(side * side):
            if steps[_cell(room, side)] + 1 >= size:
                far[count] = _cell(room, side)
                count += 1
    maze[start] = START
    maze[far[below(stream, count)]] = GOAL


@kernel()
def _generate_all(mazes: Grids, side: int, braid: float, seeds: Stream) -> None:
    for index in range(len(mazes)):
        stream = seeds[index : index + 1]
        _carve(mazes[index], side, stream)
        _braid(mazes[index], side, braid, stream)
        _place_ends(mazes[index], side, stream)


def check_size(size: int, scattered: bool = False) -> None:
    """Raise ValueError unless mazes of this side can be generated: odd from 5 on, or 5 to 30 with scattered walls."""
    if scattered and not 5 <= size <= 30:
        raise ValueError(
            f"generated mazes of scattered walls have a side of 5 to 30, got {size}; give puzzles= instead"
        )
    if not scattered and (size < 5 or size % 2 == 0):
        raise ValueError(f"generated mazes have an odd side of at least 5, got {size}; for others give puzzles=")


def generate(size: int, count: int, rng: np.random.Generator, braid: float = 0.0) -> Grids:
    """Random solvable mazes, int8 of shape (count, N*N): 0 free, 1 wall, 2 start, 3 goal.

    Rooms lie on even rows and columns and the grid's edge is the outer wall (a ring of wall cells would leave a 5x5
    grid with three mazes up to symmetry). With `braid` 0 a maze is perfect: one path between any two rooms.
    Start and goal are rooms whose shortest path has at least N cells.

    Args:
        size: side N, odd, at least 5.
        count: number of mazes.
        rng: source of one seed a maze; the same generator state gives the same mazes.
        braid: share of the dead ends, rounded up, that are opened into loops, within [0, 1].

    Raises:
        ValueError: a value is outside its range.
    """
    check_size(size)
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    if not 0.0 <= braid <= 1.0:
        raise ValueError(f"braid must be within [0, 1], got {braid}")
    mazes = np.empty((count, size * size), np.int8)
    _generate_all(mazes, (size + 1) // 2, float(braid), rng.integers(2**64, size=count, dtype=np.uint64))
    return mazes


SCATTERED = (30, 50)
"""The share of walls, in percent, of a maze of scattered walls, drawn anew for each maze from this range."""


@kernel()
def _scatter(maze: Grid, size: int, least: int, stream: Stream) -> None:
    """Draw walls and a start until some cell is far enough from it; the goal is any of those cells."""
    far = np.empty(size * size, np.int64)
    start, count = 0, 0
    while count == 0:
        share = SCATTERED[0] + below(stream, SCATTERED[1] - SCATTERED[0] + 1)
        for cell in range(size * size):
            maze[cell] = WALL if below(stream, 100) < share else FREE
        start = below(stream, size * size)
        maze[start] = START
        steps = distances(maze, start, size)
        for cell in range(size * size):
            if steps[cell] + 1 >= least:
                far[count] = cell
                count += 1
    maze[far[below(stream, count)]] = GOAL


@kernel()
def _scatter_all(mazes: Grids, size: int, least: int, seeds: Stream) -> None:
    for index in range(len(mazes)):
        _scatter(mazes[index], size, least, seeds[index : index + 1])


def least_path(size: int) -> int:
    """The least number of cells of a shortest path in generated mazes of scattered walls.

    N, and 111 for N = 30: the shape of the set Maze-Hard of Wang et al. (2025, arXiv 2506.21734), whose paths have
    more than 110 cells.
    """
    return 111 if size == 30 else size


def scatter(size: int, count: int, rng: np.random.Generator) -> Grids:
    """Random solvable mazes of scattered walls, int8 of shape (count, N*N): 0 free, 1 wall, 2 start, 3 goal.

    Every cell is a wall with the probability that was drawn for its maze. Start and goal are cells whose shortest
    path has at least `least_path(N)` cells, and many shortest paths join them as a rule.

    Args:
        size: side N, 5 to 30.
        count: number of mazes.
        rng: source of one seed a maze; the same generator state gives the same mazes.

    Raises:
        ValueError: a value is outside its range.
    """
    check_size(size, scattered=True)
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    mazes = np.empty((count, size * size), np.int8)
    _scatter_all(mazes, size, least_path(size), rng.integers(2**64, size=count, dtype=np.uint64))
    return mazes


def has_loops(mazes: Grids) -> NDArray[np.bool_]:
    """Whether more than one path leads between some cells of each maze, shape (B,); False is a perfect maze.

    Args:
        mazes: shape (B, N*N), int8, all of whose open cells are connected.
    """
    size = int(mazes.shape[1] ** 0.5)
    grids = mazes.reshape(-1, size, size) != WALL
    doors = (grids[:, 1:] & grids[:, :-1]).sum((1, 2)) + (grids[:, :, 1:] & grids[:, :, :-1]).sum((1, 2))
    # A tree has one edge less than nodes.
    looped: NDArray[np.bool_] = doors >= grids.sum((1, 2))
    return looped


def shortest_path_length(mazes: Grids) -> NDArray[np.int64]:
    """Cells on a shortest path from start to goal, both counted, shape (B,); 0 where there is none.

    Args:
        mazes: shape (B, N*N), int8, each with one start and one goal.
    """
    lengths: NDArray[np.int64] = path_lengths(mazes, int(mazes.shape[1] ** 0.5))
    return lengths
