"""Large files of puzzles are scored piece by piece: the same facts, bounded memory, going on after a stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import stream_fakes
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.suites import pool
from benchmarks.running import streaming
from benchmarks.running.streaming import PieceRow
from trm_envs.reading import Batch

ROOT = Path(__file__).parents[2]
TIMES = 40
"""How often the large file repeats the 512 puzzles of a pool."""
MOST_BYTES = 100 * 2**20
"""That a file of 20,480 puzzles may take beyond one of 512, in the process that reads and in the one that scores."""


def pieces(count: int = 5, size: int = 7) -> list[Batch]:
    grids = np.random.default_rng(0).integers(0, 5, (count, size, 16)).astype(np.int8)
    return [Batch(part, lambda k, at=at: f"line {at * size + k + 1}") for at, part in enumerate(grids)]


def streamed(batches, path: Path, forbidden: int = 9, asked: str = "a", workers: int = 2) -> streaming.Totals:
    return streaming.stream(iter(batches), stream_fakes.score, forbidden, asked, path, workers, lambda count: None)


def test_totals_are_those_of_all_puzzles_together(tmp_path):
    batches = pieces()
    whole, _ = stream_fakes.score(9, np.concatenate([batch.grids for batch in batches]))
    found = streamed(batches, tmp_path / "rows.jsonl")
    assert (found.n, found.solved) == (whole.n, whole.n_solved)
    assert (found.edits, *found.compute) == pytest.approx((whole.mean_edits, *whole.mean_compute))
    assert found.network_calls_solved == np.median(whole.network_calls[whole.solved])


def test_only_pieces_without_a_row_are_scored_again(tmp_path):
    """A stop loses what was under way; another model, or changed puzzles, have rows of their own."""
    path, batches = tmp_path / "rows.jsonl", pieces()
    first = streamed(batches, path)
    done = records.read(path, PieceRow)
    records.rewrite(path, [row for row in done if row.piece != 1])
    assert streamed(batches, path) == first
    again = records.read(path, PieceRow)
    assert [row.piece for row in again[-1:]] == [1] and sorted(again, key=str) == sorted(done, key=str)
    other = [Batch(batches[0].grids[::-1], batches[0].place), *batches[1:]]
    assert streamed(other, path) == first and len(records.read(path, PieceRow)) == len(done) + 1
    assert streamed(batches, path, asked="b") == first and len(records.read(path, PieceRow)) == 2 * len(done) + 1


def test_reading_stays_close_to_scoring(tmp_path):
    read, path = [], tmp_path / "rows.jsonl"

    def read_slowly():
        for batch in pieces(count=12):
            scored = len(records.read(path, PieceRow))
            read.append(len(read) - scored)
            yield batch

    streamed(read_slowly(), path, workers=1)
    assert len(read) == 12 and max(read) <= streaming.AHEAD


def test_what_is_wrong_with_a_piece_is_told_with_its_place(tmp_path):
    batches = pieces()
    batches[2].grids[:, -1] = 7
    with pytest.raises(ValueError, match="in the piece that begins at line 15: a puzzle ends in 7"):
        streamed(batches, tmp_path / "rows.jsonl", forbidden=7)
    with pytest.raises(ValueError, match="no puzzle to score"):
        streamed([], tmp_path / "rows.jsonl")


MEASURED = """
import json, resource, sys
from benchmarks import cli
for arguments in json.loads(sys.argv[1]):
    assert cli.main(arguments) == 0
    print([1024 * resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)])
"""


def words(puzzles: Path, *more: str) -> list[str]:
    return ["evaluate", "zoo:upi-trm-sudoku-4x4", "--env", "SudokuPlanEdit-4x4-v0", "--puzzles", str(puzzles), *more]


def test_forty_times_the_puzzles_have_the_same_means_and_take_no_more_memory(tmp_path):
    grids = pool("SudokuPlanEdit-4x4-v0", {"blanks": (6, 8)}, "test").instances
    text = "".join("".join(map(str, grid)) + "\n" for grid in grids.tolist())
    asked = []
    for name, times in (("few", 1), ("many", TIMES)):
        (tmp_path / f"{name}.txt").write_text(text * times)
        asked.append(words(tmp_path / f"{name}.txt", "--json", "--stream", str(tmp_path / f"{name}.jsonl")))
    command = [sys.executable, "-c", MEASURED, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    few, before, many, after = map(json.loads, done.stdout.splitlines())
    assert (few.pop("n"), many.pop("n")) == (512, 512 * TIMES) and few.pop("solved") * TIMES == many.pop("solved")
    assert few.pop("interval") != many.pop("interval")
    assert few == pytest.approx(many)
    assert all(large - small < MOST_BYTES for small, large in zip(before, after, strict=True)), (before, after)


def test_a_stream_and_the_whole_file_have_the_same_facts(tmp_path, capsys):
    path = tmp_path / "few.txt"
    path.write_text("1000341221434301\n0030341221434301\n")
    assert (
        cli.main(words(path, "--json")) == cli.main(words(path, "--json", "--stream", str(tmp_path / "a.jsonl"))) == 0
    )
    whole, stream = map(json.loads, capsys.readouterr().out.splitlines())
    assert whole.pop("interval") == pytest.approx(stream.pop("interval"))
    assert whole == stream


def test_workers_need_a_file_for_what_they_have_done(tmp_path, capsys):
    assert cli.main(words(tmp_path / "a.txt", "--workers", "2")) == 2
    assert "--workers are for --stream" in capsys.readouterr().err


@given(st.lists(st.integers(1, 9), min_size=1))
def test_the_median_of_counted_values_is_that_of_the_values(values):
    assert streaming._median(Counter(values)) == np.median(values)
