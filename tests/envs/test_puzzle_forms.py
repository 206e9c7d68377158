"""One reader for all puzzles: written in any form and read back, they are the same."""

from __future__ import annotations

import random
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from puzzle_files import ARRAYS, ENCODINGS, MAZES, SUDOKU, TEXTS, Puzzles, maze, sudoku, write

import trm_envs
from trm_envs.reading import batches
from trm_envs.reading.files import SUFFIXES
from trm_envs.sudoku.text import notation

KINDS = {"sudoku4": sudoku(4), "sudoku9": sudoku(9), "sudoku16": sudoku(16), "maze5": maze(5), "maze9": maze(9)}
FORMS = [
    *((kind, name) for kind in KINDS for name in (*TEXTS, *ARRAYS)),
    *((kind, name) for kind in KINDS if kind.startswith("sudoku") for name in SUDOKU),
    *((kind, name) for kind in KINDS if kind.startswith("maze") for name in MAZES),
]


def equal(read: Any, puzzles: Puzzles) -> None:
    assert read.dtype == np.int8
    np.testing.assert_array_equal(read, puzzles.grids)


@pytest.mark.parametrize(("kind", "name"), FORMS)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_what_is_written_is_read(tmp_path: Path, kind: str, name: str, packed: str) -> None:
    puzzles = KINDS[kind]
    equal(puzzles.read(str(write(tmp_path, name + packed, puzzles))), puzzles)


@given(
    st.sampled_from(FORMS),
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from(ENCODINGS),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_puzzles_the_encoding_and_the_line_ends(
    form: tuple[str, str], seed: int, count: int, encoding: str, ends: str
) -> None:
    kind, name = form
    size = KINDS[kind].size
    puzzles = sudoku(size, count, seed) if kind.startswith("sudoku") else maze(size, count, seed)
    with tempfile.TemporaryDirectory() as folder:
        equal(puzzles.read(write(Path(folder), name, puzzles, encoding, ends)), puzzles)


@pytest.mark.parametrize("kind", KINDS)
def test_in_memory_too(kind: str) -> None:
    puzzles = KINDS[kind]
    size = puzzles.size
    lines = puzzles.lines
    for source in (
        lines,
        tuple(lines),
        np.array(lines),
        np.array(lines, object),
        np.array(lines, "S"),
        "\n".join(lines),
        [row for rows in puzzles.rows for row in rows],
        puzzles.grids.tolist(),
        puzzles.grids.reshape(-1, size, size).astype(np.uint64),
        list(puzzles.grids),
        Series(lines),
        Series(list(puzzles.grids)),
    ):
        equal(puzzles.read(source), puzzles)
    one = puzzles._replace(grids=puzzles.grids[:1])
    for source in (lines[0], puzzles.grids[0], puzzles.grids[0].reshape(size, size), "\n".join(puzzles.rows[0])):
        equal(puzzles.read(source), one)


class Series:
    """What a pandas Series shows of itself: no sequence, and labels in place of indices."""

    def __init__(self, values: list[Any]) -> None:
        self._values = {f"label {n}": value for n, value in enumerate(values)}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, label: str) -> Any:
        return self._values[label]

    def to_numpy(self) -> Any:
        array = np.empty(len(self), object)
        array[:] = list(self._values.values())
        return array


def test_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    puzzles = KINDS["sudoku9"]
    frame = pandas.DataFrame({"rating": 1.5, "puzzle": puzzles.lines}, index=[7, 3, 9])
    equal(puzzles.read(frame["puzzle"]), puzzles)
    equal(puzzles.read(frame["puzzle"].astype("string")), puzzles)
    frame.to_csv(tmp_path / "own.csv.gz")
    frame["puzzle"].to_csv(tmp_path / "series.csv")
    frame.to_json(tmp_path / "own.jsonl", orient="records", lines=True)
    for name in ("own.csv.gz", "series.csv", "own.jsonl"):
        equal(puzzles.read(tmp_path / name), puzzles)
    with pytest.raises(ValueError, match="hand over the column"):
        puzzles.read(frame)


def test_reading_imports_no_pandas() -> None:
    assert "pandas" not in sys.modules or pytest.importorskip("pandas")
    source = Path(trm_envs.__file__).parent / "reading"
    assert not any("import pandas" in file.read_text(encoding="utf-8") for file in source.glob("*.py"))


@pytest.mark.parametrize("kind", ["sudoku4", "sudoku16", "maze5"])
def test_a_reset_takes_one_puzzle_or_one_an_environment(kind: str) -> None:
    puzzles = KINDS[kind]
    name = "Sudoku" if kind.startswith("sudoku") else "Maze"
    env_id = f"{name}PlanEdit-{puzzles.size}x{puzzles.size}-v0"
    env: Any = gym.make_vec(env_id, num_envs=3)
    square = puzzles.grids.reshape(-1, puzzles.size, puzzles.size)
    for batch in (puzzles.lines, puzzles.grids, square, Series(puzzles.lines), "\n".join(puzzles.lines)):
        observation, _ = env.reset(options={"puzzle": batch})
        np.testing.assert_array_equal(observation["instance"], puzzles.grids)
    for one in (puzzles.lines[1], puzzles.grids[1], square[1], "\n".join(puzzles.rows[1])):
        observation, _ = env.reset(options={"puzzle": one})
        np.testing.assert_array_equal(observation["instance"], puzzles.grids[[1, 1, 1]])
        single, _ = gym.make(env_id).reset(options={"puzzle": one})
        np.testing.assert_array_equal(single["instance"], puzzles.grids[1])
    mask = np.array([False, True, True])
    observation, _ = env.reset(options={"puzzle": puzzles.lines[::-1], "reset_mask": mask})
    np.testing.assert_array_equal(observation["instance"], puzzles.grids[[1, 1, 0]])
    with pytest.raises(ValueError, match=r"one puzzle or 3 of them, got 2"):
        env.reset(options={"puzzle": puzzles.grids[:2]})
    with pytest.raises(ValueError, match=r"one puzzle, got 3"):
        gym.make(env_id).unwrapped.reset(options={"puzzle": puzzles.lines})


def test_a_bad_puzzle_of_a_batch_is_named_unless_its_environment_goes_on() -> None:
    env: Any = gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=3)
    batch = KINDS["sudoku4"].grids.copy()
    env.reset(options={"puzzle": batch})
    batch[1] = 1
    with pytest.raises(ValueError, match=r"options\['puzzle'\]\[1\]: digit 1 is given twice"):
        env.reset(options={"puzzle": batch})
    env.reset(options={"puzzle": batch, "reset_mask": np.array([True, False, True])})


def test_batches_hand_over_all_puzzles_piece_by_piece(tmp_path: Path) -> None:
    puzzles = KINDS["sudoku4"]
    path = tmp_path / "many.txt"
    lines = random.Random(0).choices(puzzles.lines, k=10_000)
    path.write_text("\n".join(lines), encoding="utf-8")
    pieces = list(batches(path, notation(4)))
    assert len(pieces) > 1 and sum(len(piece.grids) for piece in pieces) == len(lines)
    assert notation(4).text(np.concatenate([piece.grids for piece in pieces])) == lines
    start = sum(len(piece.grids) for piece in pieces[:-1])
    assert pieces[-1].place(0) == f"{path}, line {start + 1}"


def test_the_page_names_every_suffix_and_its_line_is_a_puzzle() -> None:
    page = (Path(__file__).parents[2] / "docs" / "puzzles.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.split("## Symbols")[0].splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\.\w+)`", "".join(rows))) == sorted(SUFFIXES)
    line = re.search(r'"puzzle": "([^"]+)"', page)
    assert line is not None
    assert KINDS["sudoku9"].read(line[1]).shape == (1, 81)
