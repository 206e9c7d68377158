"""Every shipped maze checked again: solvable, of its kind, in one split only, rebuilt byte for byte."""

import gzip
import hashlib
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from trm_envs import pools
from trm_envs.building.build import encode
from trm_envs.building.table import POOLS
from trm_envs.building.verify import verify_pools
from trm_envs.maze.generator import least_path, shortest_path_length
from trm_envs.maze.pool import MazeOrbitPool, MazePool, ScatteredMazePool
from trm_envs.maze.symmetry import orbit_keys
from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import format_mazes, parse_mazes
from trm_envs.pools.source import SPLITS, split_of_key

MAZES = {name: source for name, source in POOLS.items() if isinstance(source, MazePool)}
LARGE = [name for name, source in MAZES.items() if not isinstance(source, MazeOrbitPool)]
SMALL = [name for name in MAZES if name not in LARGE]
FILES = [(name, split) for name in MAZES for split in SPLITS]


def mazes_of(name, split):
    return parse_mazes(pools.load(name, split), MAZES[name].size)


def test_the_table_holds_all_kinds_of_every_size():
    corridors = {f"maze-{n}x{n}-{kind}" for n in (5, 7, 9, 11, 15, 31) for kind in ("perfect", "braided")}
    assert set(MAZES) == corridors | {f"maze-{n}x{n}-scattered" for n in (9, 15, 30)}


@pytest.mark.parametrize(("name", "split"), FILES)
def test_every_maze_is_solvable_and_of_its_kind(name, split):
    source, mazes = MAZES[name], mazes_of(name, split)
    MazeTask(source.size).validate(mazes)
    assert len(np.unique(mazes, axis=0)) == len(mazes) == pools.manifest()[name]["splits"][split]["count"]
    if isinstance(source, ScatteredMazePool):
        assert shortest_path_length(mazes).min() >= {9: 9, 15: 15, 30: 111}[source.size] == least_path(source.size)
        share = (mazes == 1).mean(axis=1)
        assert 0.1 < share.min() < 0.35 < 0.39 < share.max() < 0.7
        return
    assert shortest_path_length(mazes).min() >= source.size
    # Connected and without a loop: one contact fewer than open cells.
    is_open = (mazes != 1).reshape(-1, source.size, source.size)
    across, down = is_open[:, :, 1:] & is_open[:, :, :-1], is_open[:, 1:] & is_open[:, :-1]
    loops = across.sum(axis=(1, 2)) + down.sum(axis=(1, 2)) - is_open.sum(axis=(1, 2)) + 1
    assert (loops == 0).all() if name.endswith("perfect") else (loops > 0).all()


@pytest.mark.parametrize("name", LARGE)
def test_large_pools_have_the_promised_counts_and_one_maze_an_orbit(name):
    counts = {split: len(pools.load(name, split)) for split in SPLITS}
    _, side, kind = name.split("-")
    train, held_out = {
        "7x7": (2_000, 256),
        "11x11": (2_000, 256),
        "15x15": (2_000 if kind == "scattered" else 4_000, 512),
        "31x31": (1_000, 512),
        "30x30": (1_000, 512),
    }.get(side, (4_000, 512))
    assert counts == {"train": train, "validation": held_out, "test": held_out}
    keys = [key for split in SPLITS for key in orbit_keys(mazes_of(name, split))]
    assert len(set(keys)) == len(keys)


def test_5x5_pools_hold_all_mazes_there_are_but_the_spare_test_ones():
    counts = {name: tuple(len(pools.load(name, split)) for split in SPLITS) for name in SMALL}
    assert counts == {"maze-5x5-perfect": (3_848, 512, 512), "maze-5x5-braided": (2_184, 472, 416)}


@pytest.mark.parametrize("size", [5, 7, 9, 11, 15, 30, 31])
def test_no_two_splits_share_a_maze_under_symmetry(size):
    names = [name for name, source in MAZES.items() if source.size == size]
    keys = {split: {key for name in names for key in orbit_keys(mazes_of(name, split))} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert not keys[one] & keys[other]
    assert all(split_of_key(key) == split for split in SPLITS for key in keys[split])


@pytest.mark.parametrize("name", SMALL)
def test_small_pools_are_rebuilt_byte_for_byte(name):
    for split, lines in POOLS[name].generate().items():
        entry = pools.manifest()[name]["splits"][split]
        data = (pools.ROOT / "data" / entry["file"]).read_bytes()
        assert gzip.decompress(data) == encode(lines)
        assert hashlib.sha256(encode(lines)).hexdigest() == entry["text_sha256"]


@pytest.mark.parametrize("name", LARGE)
def test_large_pools_begin_as_their_seed_says(name):
    # Rare ones take long to find.
    train, held_out = (10, 3) if name == "maze-30x30-scattered" else (200, 30)
    for split, lines in replace(MAZES[name], train=train, held_out=held_out).generate().items():
        assert len(lines) == (train if split == "train" else held_out)
        assert tuple(lines) == pools.load(name, split)[: len(lines)]


def test_the_verifier_accepts_the_shipped_and_names_what_is_wrong():
    assert verify_pools(MAZES[name] for name in ("maze-9x9-perfect", "maze-9x9-braided")) == ([], [])
    perfect = MAZES["maze-9x9-perfect"]
    good, loops = pools.load("maze-9x9-perfect", "test")[0], pools.load("maze-9x9-braided", "test")[0]
    blocked = good.replace(".", "#")
    close = format_mazes(np.array([[2, 0, 3, *[1] * 78]], np.int8))[0]
    problems = perfect.problems([good, loops, blocked, close, good])
    assert any(p.startswith("line 2:") and "kind" in p for p in problems)
    assert any(p.startswith("line 3:") and "no path" in p for p in problems)
    assert any(p.startswith("line 4:") and "fewer than 9" in p for p in problems)
    assert any("1 lines repeat" in p for p in problems)
    scattered = MAZES["maze-30x30-scattered"]
    near = format_mazes(np.array([[2, *[0] * 50, 3, *[0] * 848]], np.int8))[0]
    problems = scattered.problems([pools.load("maze-30x30-scattered", "test")[0], near])
    assert problems == ["line 2: path of fewer than 111 cells"]
    assert not any(p.startswith(("line 1:", "line 5:")) for p in problems)
