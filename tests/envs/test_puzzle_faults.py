"""Files that are no puzzles: nothing is guessed, nothing hangs, and every message names the place and the remedy."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from puzzle_files import MAZES, SUDOKU, TEXTS, maze, sudoku, write

from trm_envs.reading.files import LONGEST_LINE, SUFFIXES
from trm_envs.sudoku.solver import count_solutions
from trm_envs.sudoku.text import parse_grid_lines

NINE, FOUR, SIXTEEN, MAZE = sudoku(9), sudoku(4), sudoku(16), maze(5)
ROWS = "\n".join(NINE.rows[0])


# ---- Text that can be read in two ways


def hexadecimal(grid: Any, blank: str = ".") -> str:
    return "".join("0123456789ABCDEF"[value - 1] if value else blank for value in grid)


@pytest.mark.parametrize("blank", [".", "*", "_", "-", "?"])
@pytest.mark.parametrize("form", [str, str.lower])
def test_digits_from_0_to_f_are_refused_with_both_readings(tmp_path: Path, blank: str, form: Any) -> None:
    path = tmp_path / "own.txt"
    path.write_text("\n".join(form(hexadecimal(grid, blank)) for grid in SIXTEEN.grids), encoding="utf-8")
    message = (
        r"own\.txt, line 1: can be read in two ways: 0 is a blank and the digits are 1-9 and A-G, or they are 0-9 and"
    )
    with pytest.raises(ValueError, match=message):
        SIXTEEN.read(path)
    with pytest.raises(ValueError, match="two ways"):
        gym.make("SudokuPlanEdit-16x16-v0").unwrapped.reset(options={"puzzle": hexadecimal(SIXTEEN.grids[0], blank)})


def test_rows_and_numbers_and_json_of_them_too() -> None:
    text = hexadecimal(SIXTEEN.grids[0])
    rows = [text[start : start + 16] for start in range(0, 256, 16)]
    for source in (rows, "\n".join(" ".join(row) for row in rows)):
        with pytest.raises(ValueError, match="line 16: can be read in two ways"):
            SIXTEEN.read(source)


def test_smaller_grids_with_digits_from_0_too() -> None:
    moved = "".join(".012345678"[value] for value in NINE.grids[0])
    with pytest.raises(ValueError, match="the digits are 1-9, or they are 0-8"):
        NINE.read([moved])


def test_zeros_that_can_only_be_blanks_are_no_doubt() -> None:
    # Two zeros in a row, so 0 is no digit, though other blanks are dots.
    line = NINE.lines[0].replace("9", ".").replace(".", "0", 12)
    assert count_solutions(parse_grid_lines([line.replace("0", ".")], 9))[0] > 0
    np.testing.assert_array_equal(NINE.read([line]), NINE.read([line.replace("0", ".")]))


def test_letters_alone_may_be_other_digits() -> None:
    with pytest.raises(
        ValueError, match="two ways: its letters are the digits 10 to 16, written A-G, or 1 to 7 of A-P"
    ):
        SIXTEEN.read(["AB" + "." * 254])


def test_two_puzzles_on_a_line_are_two_readings() -> None:
    with pytest.raises(ValueError, match=r"line 1: can be read in two ways: .* are puzzles: write one a line"):
        NINE.read([f"{NINE.lines[0]},{NINE.lines[1]}"])


def test_a_row_of_dashes_may_be_a_rule() -> None:
    rows = NINE.rows[0]
    with pytest.raises(ValueError, match="two ways: its row of dashes is blank cells, or a rule between rows"):
        NINE.read([*rows[:3], "---------", *rows[3:6], "---------", *rows[6:]])


def test_numbered_headings_may_be_cells(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("0,1,2,3\n" * 4, encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: can be read in two ways: 0,1,2,3 is a row of cells, or numbered"):
        FOUR.read(path)


def test_a_row_of_empty_cells_may_be_no_row(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("1,,,\n,,,\n,,2,\n,3,,\n", encoding="utf-8")
    np.testing.assert_array_equal(FOUR.read(path), [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 3, 0, 0]])
    for text, number in ((",,,\n1,,,\n,,2,\n,3,,\n", 1), ("1,,,\n,2,,\n,,,\n,3,,\n", 3)):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"line {number}: can be read in two ways: its empty cells are a row"):
            FOUR.read(path)


def test_digits_in_a_maze_may_mean_either() -> None:
    line = MAZE.lines[0].replace(".", "0").replace("#", "1")
    with pytest.raises(ValueError, match="two ways: 0 is free and 1 a wall, or 0 is a wall and 1 free"):
        MAZE.read([line])
    np.testing.assert_array_equal(MAZE.read([line.replace("1", "#")]), MAZE.grids[:1])


@pytest.mark.parametrize("symbol", "*-?x")
def test_a_symbol_that_may_be_a_wall_or_a_way_is_no_symbol_of_a_maze(symbol: str) -> None:
    with pytest.raises(ValueError, match=r"is written with '#' wall, '\.', '_' or a space free"):
        MAZE.read([MAZE.lines[0].replace(".", symbol)])


# ---- Incomplete and damaged text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\n".join(NINE.rows[0][:8]),
            r"line 8: the 9x9 puzzle that begins on line 1 has 8 rows here, and needs 9 of 9",
        ),
        ("\n".join(NINE.rows[0][:8]) + "\n\n" + ROWS, r"line 9: the 9x9 puzzle that begins on line 1 has 8 rows"),
        ("\n".join(NINE.rows[0][:6]) + "\n\n" + ROWS, r"line 7: the 9x9 puzzle that begins on line 1 has 6 rows"),
        ("\n".join(NINE.rows[0][:3]) + "\n\n" + ROWS, r"line 8: the 9x9 puzzle that begins on line 1 has 6 rows"),
        (ROWS + "\n" + NINE.rows[1][0] + "\n" + NINE.lines[1], r"line 11: the 9x9 puzzle that begins on line 10 has 1"),
        (ROWS.replace("\n", "x\n", 1), r"line 1: a 9x9 puzzle has 81 symbols, found 10"),
    ],
)
def test_missing_rows_are_named_and_never_filled_from_the_next_puzzle(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"own\.txt, {message}"):
        NINE.read(path)


def test_spaces_lost_at_the_ends_of_lines_are_said() -> None:
    rows = [row.replace(".", " ") for row in maze(9).rows[0]]
    assert any(row.endswith(" ") for row in rows)
    with pytest.raises(ValueError, match="spaces at the end of a line are easily lost, so write"):
        maze(9).read("\n".join(row.rstrip() for row in rows))


def test_a_larger_maze_is_not_read_as_a_smaller_one_with_words_after_it() -> None:
    for seed in range(20):
        line = maze(7, 1, seed).lines[0].replace(".", " ")
        with pytest.raises(ValueError, match="a 5x5 maze has 25 symbols, found"):
            MAZE.read([line])


def test_only_the_puzzle_of_a_sdk_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.sdk"
    path.write_text(f"#A me\n[Puzzle]\n{ROWS}\n[State]\n{ROWS}\nmore\n", encoding="utf-8")
    np.testing.assert_array_equal(NINE.read(path), NINE.grids[:1])


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_line_that_lacks_a_symbol_or_has_one_more_is_never_read(data: Any) -> None:
    puzzles = data.draw(st.sampled_from([FOUR, NINE, SIXTEEN, MAZE]))
    line = data.draw(st.sampled_from(puzzles.lines))
    cell = data.draw(st.integers(0, len(line) - 1))
    for changed in (line[:cell] + line[cell + 1 :], line[:cell] + line[cell] + line[cell:]):
        for source in ([changed], f"{changed}\n{puzzles.lines[0]}", [f"{changed},3"]):
            with pytest.raises(ValueError, match=r"line 1: .*symbols"):
                puzzles.read(source)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_files_give_their_puzzles_or_a_message_that_names_them(data: Any) -> None:
    puzzles = data.draw(st.sampled_from([FOUR, MAZE]))
    name = data.draw(st.sampled_from(sorted({**TEXTS, **(SUDOKU if puzzles is FOUR else MAZES)})))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), name + data.draw(st.sampled_from(["", ".gz"])), puzzles)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            read = puzzles.read(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert read.shape[1] == puzzles.size**2 and read.dtype == np.int8


@given(st.binary(max_size=300), st.sampled_from([*SUFFIXES, ".txt.gz", ".npy.gz", ".csv.GZ"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_in_words(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"own{suffix}"
        for data in (content, b"\x93NUMPY" + content, b"PK\x03\x04" + content, gzip.compress(content)):
            path.write_bytes(data)
            with pytest.raises(ValueError, match="own"):
                NINE.read(path)


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npy"
    np.save(path, NINE.grids)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"own\.npy: cut off: 3 rows are announced"):
        NINE.read(path)
    # A header that announces more than there is takes no memory.
    path.write_bytes(whole.replace(b"(3, 81), }       ", b"(3000000000, 81)}"))
    with pytest.raises(ValueError, match="cut off: 3000000000 rows"):
        NINE.read(path)
    np.savez(tmp_path / "two.npz", a=NINE.grids, b=NINE.grids)
    with pytest.raises(ValueError, match=r"two\.npz: which array are the puzzles\? It holds a, b"):
        NINE.read(tmp_path / "two.npz")
    np.save(path, np.array(NINE.lines, object), allow_pickle=True)
    with pytest.raises(ValueError, match="expected an integer type, got object"):
        NINE.read(path)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("'<U300000000', 'fortran_order': False, 'shape': (5,)", "a row of 1,200,000,000 bytes is no puzzle"),
        ("'<i8', 'fortran_order': True, 'shape': (5000000000000, 81)", "a large array in Fortran's order"),
        ("'<i8', 'fortran_order': False, 'shape': (-5, 81)", "holds no 9x9 puzzle"),
        ("[('a', '<i4')], 'fortran_order': False, 'shape': (5, 81)", "expected an integer type"),
        ("'<m8[s]', 'fortran_order': False, 'shape': (5, 81)", "expected an integer type"),
    ],
)
def test_what_a_header_announces_is_checked_before_it_is_believed(tmp_path: Path, described: str, message: str) -> None:
    header = f"{{'descr': {described}, }}\n".encode()
    path = tmp_path / "own.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(10))
    with pytest.raises(ValueError, match=rf"own\.npy: {message}"):
        NINE.read(path)


@pytest.mark.parametrize(
    "source", [None, 5, 2.5, b"12", object(), {"puzzle": 1}, [], [[1, 2], [3]], ["1234", 5], {1, 2}]
)
def test_what_holds_no_puzzles_is_told_so(source: Any) -> None:
    with pytest.raises(ValueError, match=r"^puzzles"):
        NINE.read(source)


# ---- Files that are none, and lines without an end


def test_a_named_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    os.mkfifo(path)
    code = (
        "import sys, gymnasium as gym, trm_envs\n"
        "try:\n    gym.make('SudokuPlanEdit-4x4-v0', puzzles=sys.argv[1])\n"
        "except ValueError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert "a named pipe, not a regular file: write the puzzles into a file" in done.stdout


@pytest.mark.parametrize(("path", "kind"), [("/dev/null", "device"), ("/dev/zero", "device"), (".", "directory")])
@pytest.mark.parametrize("form", [str, Path])
def test_what_is_no_regular_file_is_refused(path: str, kind: str, form: Any) -> None:
    with pytest.raises(ValueError, match=f"a {kind}, not a regular file"):
        NINE.read(form(path))


@pytest.mark.parametrize("name", ["own.csv", "own.txt", "own.jsonl", "own.txt.gz"])
def test_a_huge_line_is_refused_without_being_held(tmp_path: Path, name: str) -> None:
    path, size = tmp_path / name, 200 * LONGEST_LINE
    with gzip.open(path, "wb", 1) if name.endswith(".gz") else path.open("wb") as file:
        file.write(b"puzzle\n" if name == "own.csv" else b"")
        for _ in range(size // 1_000_000):
            file.write(b"1" * 1_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=rf"line \d: longer than {LONGEST_LINE:,} characters"):
        NINE.read(path)
    # Kilobytes; the line alone is 200 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_quote_that_is_never_closed_loses_no_puzzle(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f'puzzle,by\n{NINE.lines[0]},"me\n{NINE.lines[1]},you\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"own\.csv, line 3: not a row of a \.csv file"):
        NINE.read(path)


def test_damaged_packing_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "lines.txt.gz", NINE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-12])
    with pytest.raises(ValueError, match="damaged gzip file"):
        NINE.read(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="not a gzip file"):
        NINE.read(path)
    misnamed = tmp_path / "own.txt"
    misnamed.write_bytes(whole)
    np.testing.assert_array_equal(NINE.read(misnamed), NINE.grids)
