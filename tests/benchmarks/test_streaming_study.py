"""The study of large files: what it watches, what its row says, when it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.study_rows import StreamingRow
from benchmarks.reporting import readme
from benchmarks.studies import streaming
from benchmarks.studies.streaming import KILLED, Seen, Watched
from trm_agents.streaming import PieceRow
from trm_agents.streaming.engine import PIECE

WRITER = """
import time
for i in range(6):
    with open({path!r}, "a") as out:
        out.write("line\\n")
    time.sleep(0.3)
"""


def test_puzzles_are_written_once_each_with_their_blanks(tmp_path: Path) -> None:
    streaming.write_puzzles(tmp_path / "a.csv", 30)
    head, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert (head, len(rows)) == ("question,rating", 30)
    for line in rows:
        question, rating = line.split(",")
        assert question.count(".") + question.count("0") == int(rating)
    streaming.write_puzzles(tmp_path / "b.csv", 30)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize(("kill_at", "code", "left"), [(None, 0, 7), (3, KILLED, 3)])
def test_a_process_is_watched_from_its_first_line_and_killed_at_one(
    tmp_path: Path, kill_at: int | None, code: int, left: int
) -> None:
    path = tmp_path / "rows"
    path.write_text("of a process before\n")
    seen = streaming.watch([sys.executable, "-c", WRITER.format(path=str(path))], path, kill_at)
    assert seen.exit_code == code and streaming.lines(path) == left
    assert 1 < seen.first_mb <= seen.peak_mb < 500


def test_a_real_file_is_scored_to_the_end_after_a_kill(tmp_path: Path) -> None:
    # So many that the process is at work when it is killed.
    n = 40 * PIECE
    seen = streaming.stream_twice(tmp_path, n)
    assert (seen.killed.exit_code, seen.resumed.exit_code) == (KILLED, 0)
    assert n // 2 <= seen.killed_after < n and [row.piece for row in seen.rows] == list(range(40))
    assert all(row.n == PIECE for row in seen.rows)
    assert 50 < seen.resumed.first_mb <= seen.resumed.peak_mb
    with pytest.raises(ValueError, match="at least 1024"):
        streaming.stream_twice(tmp_path, 1023)


def piece(number: int, n: int = 512) -> PieceRow:
    return PieceRow("asked", number, "00", n, n, *np.zeros(4, int).tolist(), "{}", "", "[]")


@pytest.mark.parametrize(
    ("codes", "pieces", "peak", "code"),
    [
        ((KILLED, 0), [piece(0), piece(1)], 220.0, 0),
        ((KILLED, 0), [piece(0), piece(1)], 221.0, 1),
        ((KILLED, 0), [piece(0), piece(1), piece(1)], 100.0, 1),
        ((KILLED, 0), [piece(0)], 100.0, 1),
        ((0, 0), [piece(0), piece(1)], 100.0, 1),
        ((KILLED, 2), [piece(0), piece(1)], 100.0, 1),
    ],
)
def test_the_command_fails_where_memory_grows_or_a_puzzle_has_no_row_or_two(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    codes: tuple[int, int],
    pieces: list[PieceRow],
    peak: float,
    code: int,
) -> None:
    seen = Seen(Watched(codes[0], 90.0, 95.0), 512, Watched(codes[1], 100.0, peak), pieces)
    monkeypatch.setattr(streaming, "stream_twice", lambda folder, n: seen)
    out = tmp_path / "streaming.jsonl"
    assert cli.main(["streaming", "--puzzles", "1024", "--limit", "120", "--out", str(out)]) == code
    (row,) = records.read(out, StreamingRow)
    assert (row.killed_after, row.n, row.first_mb, row.peak_mb) == (512, 512 * len(pieces), 100.0, peak)
    line = readme.table("streaming", tmp_path).splitlines()[2]
    assert f"| 100.0 MB | {peak:.1f} MB | {peak - 100:+.1f} MB |" in line
