"""Users' own puzzles: what is read, and that nothing wrong passes silently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs.sudoku.generator import generate
from trm_envs.sudoku.solver import count_solutions, solve
from trm_envs.sudoku.text import format_grids, parse_grid_lines, read_puzzles

SEVENTEEN = "..6...........2....8........1.....2...48...6........372.....5.....69.1..3..4....."
EASY = format_grids(generate(9, (20, 30), 3, np.random.default_rng(0)))


@given(st.sampled_from([(4, (1, 12)), (9, (20, 56)), (16, (90, 120))]), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_text_is_read_back(kind, seed):
    size, blanks = kind
    grids = generate(size, blanks, 3, np.random.default_rng(seed))
    lines = format_grids(grids)
    assert all(len(line) == size * size for line in lines)
    assert (parse_grid_lines(lines, size) == grids).all()
    assert (parse_grid_lines([line.replace(".", "0").lower() + "\n" for line in lines], size) == grids).all()


def test_seventeen_givens_are_accepted():
    grids = read_puzzles([SEVENTEEN], 9)
    assert grids.dtype == np.int8 and grids.shape == (1, 81)
    assert np.count_nonzero(grids) == 17 and grids[0, 2] == 6 and count_solutions(grids)[0] == 1


def test_arrays_of_both_shapes_and_any_integer_type_are_read(tmp_path):
    grids = generate(9, (20, 30), 4, np.random.default_rng(1))
    np.save(tmp_path / "own.npy", grids.reshape(4, 9, 9).astype(np.uint16))
    for source in (grids, grids.reshape(4, 9, 9).astype(np.int64), grids.tolist(), tmp_path / "own.npy"):
        read = read_puzzles(source, 9)
        assert read.dtype == np.int8 and (read == grids).all()
    own = read_puzzles(grids, 9)
    own[:] = 0
    assert grids.any(), "the caller's array must not be shared"


def test_text_files_may_have_comments_and_blank_lines(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text(f"# mine\n\n{EASY[0]}\r\n  \n{SEVENTEEN}\n# end\n")
    assert format_grids(read_puzzles(str(path), 9)) == [EASY[0], SEVENTEEN]


@pytest.mark.parametrize("header", ["quizzes,solutions", "puzzle,solution", "Puzzle,Solution", "grid,answer"])
def test_csv_files_are_read_from_the_puzzle_column_only(tmp_path, header):
    path = tmp_path / "own.csv"
    path.write_text(f"{header}\n{EASY[0]},not-a-solution\n\n# note\n{EASY[1]},\n")
    assert format_grids(read_puzzles(path, 9)) == EASY[:2]


def test_csv_headings_may_name_a_later_column(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(f"\ufeffsource,question,answer,rating\nforum,{SEVENTEEN},x,3\n", encoding="utf-8")
    assert format_grids(read_puzzles(path, 9)) == [SEVENTEEN]


def test_the_first_row_of_a_csv_without_headings_is_not_lost(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(f"{EASY[0]},1\n{EASY[1]},2\n")
    assert format_grids(read_puzzles(path, 9)) == EASY[:2]


def with_symbol(line, cell, symbol):
    return line[:cell] + symbol + line[cell + 1 :]


def twice(cells):
    """An otherwise empty line with a 5 at each of two cells."""
    return "".join("5" if cell in cells else "." for cell in range(81))


SOLVED = format_grids(solve(parse_grid_lines([SEVENTEEN], 9))[0])[0]
BAD = [
    (SEVENTEEN[:-1], "81 symbols, found 80"),
    (SEVENTEEN + ".", "81 symbols, found 82"),
    (with_symbol(SEVENTEEN, 4, "x"), "symbol 'x' at position 5"),
    (with_symbol(SEVENTEEN, 4, "A"), "symbol 'A' at position 5"),
    (with_symbol(SEVENTEEN, 4, "\u0665"), "symbol '\u0665' at position 5"),
    (with_symbol(SEVENTEEN, 4, "\u00df"), "symbol"),
    (twice((18, 25)), "digit 5 is given twice in row 3"),
    (twice((4, 76)), "digit 5 is given twice in column 5"),
    (twice((60, 70)), "digit 5 is given twice in box 9"),
    (SOLVED, "no cell is blank"),
]


@pytest.mark.parametrize(("line", "cause"), BAD)
@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_a_bad_line_is_named_with_file_number_and_cause(tmp_path, line, cause, suffix):
    path = tmp_path / f"own{suffix}"
    first = "puzzle" if suffix == ".csv" else "# mine"
    path.write_text("\n".join([first, EASY[0], "", line, EASY[1]]), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        read_puzzles(path, 9)
    assert f"own{suffix}, line 4: " in str(error.value) and cause in str(error.value)


def test_the_first_contradiction_is_the_one_reported():
    # The later line breaks a row, which is looked at before the earlier line's box.
    with pytest.raises(ValueError, match="lines, line 2: digit 5 is given twice in box 9"):
        parse_grid_lines([EASY[0], twice((60, 70)), twice((0, 1))], 9)


def test_a_csv_row_without_the_puzzle_column_is_refused(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(f"id,puzzle\n1,{SEVENTEEN}\n2\n")
    with pytest.raises(ValueError, match=r"own\.csv, line 3: .*found 0"):
        read_puzzles(path, 9)


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (np.zeros((2, 80), dtype=np.int8), r"puzzles: expected the shape \(B, 81\)"),
        (np.zeros(80, dtype=np.int8), "expected the shape"),
        (np.zeros((1, 81)), "integer type, got float64"),
        (np.full((1, 81), 10), r"puzzles\[0\]: value 10 at cell 0"),
        (np.array([[0] * 81, [0] * 80 + [-1]]), r"puzzles\[1\]: value -1 at cell 80"),
        (np.array([[0] * 81, [7, 7] + [0] * 79]), r"puzzles\[1\]: digit 7 is given twice in row 1"),
        (np.zeros((0, 81), dtype=np.int8), "no 9x9 puzzle"),
        ([], "no 9x9 puzzle"),
    ],
)
def test_bad_arrays_are_refused(array, cause):
    with pytest.raises(ValueError, match=cause):
        read_puzzles(array, 9)


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_puzzles(tmp_path / "missing.txt", 9)
    for name, content, cause in [
        ("own.json", b"[]", "not from '.json'"),
        ("empty.txt", b"# nothing\n", "no 9x9 puzzle"),
        ("head.csv", b"puzzle,solution\n", "no 9x9 puzzle"),
        ("own.npy", b"not an array", "own.npy: not a NumPy array"),
        ("own.txt", SEVENTEEN.encode()[:-1] + b"\xff", "own.txt, line 1: symbol"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=cause):
            read_puzzles(tmp_path / name, 9)


def test_other_sizes_do_not_exist():
    with pytest.raises(ValueError, match="size"):
        read_puzzles([SEVENTEEN], 8)


def test_16x16_uses_letters_and_4x4_does_not():
    line = "G1" + "." * 254
    assert parse_grid_lines([line], 16)[0, :3].tolist() == [16, 1, 0]
    assert parse_grid_lines(["P1" + "." * 623], 25)[0, :3].tolist() == [25, 1, 0]
    with pytest.raises(ValueError, match="symbol '5'"):
        parse_grid_lines(["5" + "." * 15], 4)
