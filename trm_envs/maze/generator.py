"""Random mazes: perfect ones by depth-first search, ones with loops by opening dead ends."""

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


def check_size(size: int) -> int:
    """Return `size`; raise ValueError unless it is odd and at least 5."""
    if size < 5 or size % 2 == 0:
        raise ValueError(f"generated mazes have an odd side of at least 5, got {size}; for others give puzzles=")
    return size


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
