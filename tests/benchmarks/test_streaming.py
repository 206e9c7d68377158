"""Large files of puzzles are scored piece by piece: the same facts, bounded memory, going on after a stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.suites import pool
from benchmarks.running import streaming
from benchmarks.running.streaming import PieceRow
from trm_envs.reading.arrays import PIECE

ROOT = Path(__file__).parents[2]
LINES = 20_000
MOST_BYTES = 500 * 2**20
"""Above a process that has loaded the model."""


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory):
    """20,000 lines: the puzzles of a test pool again and again."""
    grids = pool("SudokuPlanEdit-4x4-v0", {"blanks": (6, 8)}, "test").instances
    lines = ["".join(map(str, grid)) + "\n" for grid in grids.tolist()]
    path = tmp_path_factory.mktemp("puzzles") / "many.txt"
    path.write_text("".join(islice(cycle(lines), LINES)))
    return path


def words(puzzles: Path, *more: str) -> list[str]:
    return ["evaluate", "zoo:upi-trm-sudoku-4x4", "--env", "SudokuPlanEdit-4x4-v0", "--puzzles", str(puzzles), *more]


def printed(puzzles: Path, *more: str) -> dict:
    command = [sys.executable, "-m", "benchmarks", *words(puzzles, "--json", *more)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_pieces_come_to_what_the_whole_file_does_and_are_not_scored_twice(puzzles, tmp_path):
    rows, few = tmp_path / "rows.jsonl", tmp_path / "few.txt"
    few.write_text("".join(puzzles.read_text().splitlines(keepends=True)[: 2 * PIECE + 100]))
    first, whole = printed(few, "--stream", str(rows), "--workers", "2"), printed(few)
    assert first.pop("interval") == pytest.approx(whole.pop("interval"))
    assert first == pytest.approx(whole) and first["n"] == 2 * PIECE + 100
    done = records.read(rows, PieceRow)
    assert sorted((row.piece, row.n) for row in done) == [(0, PIECE), (1, PIECE), (2, 100)]
    # What was not scored when it stopped is scored now, and nothing else.
    records.rewrite(rows, [row for row in done if row.piece != 2])
    again = printed(few, "--stream", str(rows))
    assert {**again, "interval": 0} == {**first, "interval": 0}
    assert [row.piece for row in records.read(rows, PieceRow)][2:] == [2]
    assert sorted(records.read(rows, PieceRow), key=str) == sorted(done, key=str)


MEASURED = """
import resource, sys
from benchmarks import cli
def peak(who):
    return 1024 * resource.getrusage(who).ru_maxrss
code = cli.main(sys.argv[1:])
print(code, peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN))
"""


def test_memory_is_bounded(puzzles, tmp_path):
    """Of the process that reads and of the one that scores: twenty times the file takes no more than the file."""
    peaks = []
    for lines in (LINES // 20, LINES):
        path = tmp_path / f"{lines}.txt"
        path.write_text("".join(line + "\n" for line in puzzles.read_text().splitlines()[:lines]))
        command = [sys.executable, "-c", MEASURED, *words(path, "--json", "--stream", str(tmp_path / f"{lines}.jsonl"))]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        code, *found = map(int, done.stdout.splitlines()[-1].split())
        assert code == 0
        peaks.append(found)
    print(peaks)
    for small, large in zip(*peaks, strict=True):
        assert large - small < MOST_BYTES // 4


def test_a_flawed_puzzle_is_named_by_its_piece(tmp_path, capsys):
    path = tmp_path / "flawed.txt"
    path.write_text("1234341221434300\n1134341221434300\n")
    assert cli.main(words(path, "--stream", str(tmp_path / "rows.jsonl"))) == 2
    error = capsys.readouterr().err
    assert "flawed.txt" in error and "digit 1 is given twice" in error


def test_workers_need_a_file_for_what_they_have_done(tmp_path, capsys):
    assert cli.main(words(tmp_path / "a.txt", "--workers", "2")) == 2
    assert "--workers are for --stream" in capsys.readouterr().err


@given(st.lists(st.integers(1, 9), min_size=1))
def test_the_median_of_counted_values_is_that_of_the_values(values):
    assert streaming._median(Counter(values)) == np.median(values)
