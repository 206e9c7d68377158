"""Files of puzzles are scored piece by piece: the same facts, bounded memory, going on after a stop."""

from __future__ import annotations

import json
import os
import signal
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
from benchmarks.protocol.suites import pool
from trm_agents.commands.main import main as trm
from trm_agents.common import sealed_lines
from trm_agents.streaming import PieceRow, engine, stream
from trm_agents.streaming.bands import EDGES, UNRATED, bands_of, name_of
from trm_agents.streaming.totals import COSTS, median
from trm_envs.reading import Batch, batches
from trm_envs.reading.arrays import Places
from trm_envs.sudoku.text import notation

ROOT = Path(__file__).parents[2]
TIMES = 40
"""How often the large file repeats the 512 puzzles of a pool."""
MOST_BYTES = 100 * 2**20
"""That a file of 20,480 puzzles may take beyond one of 512, in the process that reads and in the one that scores."""


def pieces(count: int = 5, size: int = 7) -> list[Batch]:
    grids = np.random.default_rng(0).integers(0, 5, (count, size, 16)).astype(np.int8)
    starts = [np.arange(at * size, (at + 1) * size) + 1 for at in range(count)]
    return [Batch(part, Places("a.txt", start, lines=True)) for part, start in zip(grids, starts, strict=True)]


def quiet(count: int, about: int) -> None:
    """Is told of progress."""


def streamed(parts, path: Path | None = None, forbidden: int = 9, asked: str = "a", workers: int = 1, told=quiet):
    return stream(iter(parts), stream_fakes.scorer, forbidden, asked, told, path, workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_totals_are_those_of_all_puzzles_together(tmp_path, workers):
    parts = pieces()
    whole = stream_fakes.counted(np.concatenate([batch.grids for batch in parts]))
    found = streamed(parts, tmp_path / "rows.jsonl", workers=workers)
    assert (found.n, found.solved) == (35, whole.solved.sum())
    assert found.means == pytest.approx({name: getattr(whole, name).mean() for name in COSTS})
    assert found.network_calls_solved == np.median(whole.network_calls[whole.solved])


def test_only_pieces_without_a_row_are_scored_again(tmp_path):
    """A stop loses what was under way; another model, or changed puzzles, have rows of their own."""
    path, parts = tmp_path / "rows.jsonl", pieces()
    first = streamed(parts, path)
    assert streamed(parts) == first
    done = sealed_lines.read(path, PieceRow)
    sealed_lines.rewrite(path, [row for row in done if row.piece != 1])
    assert streamed(parts, path) == first
    again = sealed_lines.read(path, PieceRow)
    assert [row.piece for row in again[-1:]] == [1] and sorted(again, key=str) == sorted(done, key=str)
    other = [Batch(parts[0].grids[::-1], parts[0].place), *parts[1:]]
    assert streamed(other, path) == first and len(sealed_lines.read(path, PieceRow)) == len(done) + 1
    assert streamed(parts, path, asked="b") == first and len(sealed_lines.read(path, PieceRow)) == 2 * len(done) + 1
    rated = [Batch(parts[0].grids, parts[0].place, np.ones(7)), *parts[1:]]
    assert streamed(rated, path).bands == {3: (7, int((parts[0].grids[:, 0] > 0).sum()))}


KILLED = """
import sys
import stream_fakes
from pathlib import Path
from test_streaming import pieces
from trm_agents.streaming import stream
rows = Path(sys.argv[1])
stream(iter(pieces(9)), stream_fakes.killed, rows, "a", lambda *counts: None, rows)
"""


def test_a_killed_evaluation_goes_on_to_the_same_totals(tmp_path):
    path = tmp_path / "rows.jsonl"
    folders = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "helpers", Path(__file__).parent)))
    command = [sys.executable, "-c", KILLED, str(path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": folders}, check=False)
    assert done.returncode == -signal.SIGKILL and len(sealed_lines.read(path, PieceRow)) == 2
    with path.open("a") as file:
        file.write('{"asked": "a", "pie')
    assert streamed(pieces(9), path) == streamed(pieces(9))
    assert len(sealed_lines.read(path, PieceRow)) == 9


def test_a_killed_worker_is_an_error_that_says_so(tmp_path):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(ChildProcessError, match="a worker was killed"):
        stream(iter(pieces(9)), stream_fakes.killed, path, "a", quiet, path, workers=2)
    assert streamed(pieces(9), path) == streamed(pieces(9))


def test_a_changed_row_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    streamed(pieces(), path)
    path.write_text(path.read_text().replace('"n": 7', '"n": 8', 1))
    with pytest.raises(ValueError, match=r"rows.jsonl, line 1 was changed since it was written"):
        streamed(pieces(), path)


def test_large_batches_are_cut_into_pieces_with_their_places_and_ratings(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "PIECE", 3)
    grids = np.concatenate([batch.grids for batch in pieces()])
    grids[8, -1] = 9
    ratings = np.linspace(0.0, 100.0, len(grids))
    told: list[tuple[int, int]] = []
    found = streamed(
        [Batch(grids, Places("a.txt", np.arange(35) + 1, lines=True), ratings, 0.5)],
        tmp_path / "rows.jsonl",
        told=lambda *counts: told.append(counts),
    )
    assert [row.n for row in sealed_lines.read(tmp_path / "rows.jsonl", PieceRow)] == [3, 3, 2, *[3] * 8, 2]
    assert found.skipped == ["a.txt, line 9: it ends in 9"]
    bands = bands_of(np.delete(ratings, 8))
    assert {band: n for band, (n, _) in found.bands.items()} == Counter(bands.tolist())
    assert told[0] == (3, 70) and told[-1][0] == 34 and abs(told[-1][1] - 70) <= 2


def test_reading_stays_close_to_scoring(tmp_path):
    read, path = [], tmp_path / "rows.jsonl"

    def read_slowly():
        for batch in pieces(count=12):
            read.append(len(read) - len(sealed_lines.read(path, PieceRow)))
            yield batch

    streamed(read_slowly(), path, workers=2)
    assert len(read) == 12 and max(read) <= 2 * engine.AHEAD


def test_what_is_wrong_with_a_puzzle_is_told_with_its_place():
    parts = pieces()
    parts[2].grids[:, -1] = 7
    with pytest.raises(ValueError, match=r"a.txt, line 15: it ends in 7"):
        stream(iter(parts), stream_fakes.refusing, 7, "a", quiet)


def test_without_a_puzzle_nothing_is_scored():
    with pytest.raises(ValueError, match=r"no puzzle to score$"):
        streamed([])
    parts = pieces(1)
    parts[0].grids[:, -1] = 7
    with pytest.raises(ValueError, match=r"no puzzle to score; left out: a.txt, line 1: it ends in 7; a.txt, line 2"):
        streamed(parts, forbidden=7)


# ratings


@given(st.one_of(st.floats(-9, 1e12), st.integers(0, 3000).map(float), st.just(float("nan"))))
def test_a_band_has_the_ratings_between_its_edges(rating):
    (band,) = bands_of(np.array([rating])).tolist()
    if np.isnan(rating):
        assert band == UNRATED and name_of(band) == "unrated"
    else:
        assert EDGES[band] <= rating and (band + 1 == len(EDGES) or rating < EDGES[band + 1])


def test_bands_are_named_by_their_edges():
    shown = [name_of(band) for band in bands_of(np.array([-1, 0, 0.5, 1, 7, 1999, 5e9, np.nan])).tolist()]
    assert shown == ["below 0", "0", "0 to 1", "1 to 2", "5 to 10", "1,000 to 2,000", "500,000,000 or more", "unrated"]


SOLUTION = "1234341221434321"
ROWS = [("0034341221434321", "0", "x"), ("1.3.34122143432.", "12", "y"), ("..34341.2143.321", "15.5", "z")]


HEADS = ("source,question,answer,rating", "rating,answer,source,question", "id,puzzle,difficulty")
FIELDS = {"question": 0, "puzzle": 0, "rating": 1, "difficulty": 1, "source": 2, "id": 2}
"""Heading -> place in a row."""


@pytest.mark.parametrize("heads", HEADS)
def test_public_collections_are_read_with_their_ratings(tmp_path, heads):
    fields = [[SOLUTION if head == "answer" else row[FIELDS[head]] for head in heads.split(",")] for row in ROWS]
    lines = [heads, *map(",".join, fields)]
    path = tmp_path / "test.csv"
    path.write_text("\n".join(lines))
    (batch,) = batches(path, notation(4))
    assert notation(4).text(batch.grids) == [row[0].replace("0", ".") for row in ROWS]
    assert batch.ratings is not None and batch.ratings.tolist() == [0, 12, 15.5]
    assert batch.place(2) == f"{path}, line 4"


def test_ratings_that_are_no_numbers_are_unrated_and_kaggles_quizzes_have_none(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(f"quizzes,solutions\n{ROWS[0][0]},{SOLUTION}\n")
    assert next(batches(path, notation(4))).ratings is None
    path.write_text(f"rating,puzzle\nhard,{ROWS[0][0]}\n,{ROWS[0][0]}\ninf,{ROWS[0][0]}\n3,{ROWS[0][0]}\n")
    ratings = next(batches(path, notation(4))).ratings
    assert ratings is not None and np.isnan(ratings).tolist() == [True, True, True, False]
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"rating": 7, "puzzle": ROWS[1][0]}))
    assert next(batches(path, notation(4))).ratings == [7]


@pytest.mark.parametrize("suffix", ["csv", "npy"])
def test_the_share_that_is_read_grows_to_the_whole_file(tmp_path, suffix):
    path = tmp_path / f"many.{suffix}"
    if suffix == "npy":
        np.save(path, np.tile(np.array([[1, 0] * 8], np.int8), (20_000, 1)))
    else:
        path.write_text("puzzle\n" + f"{ROWS[1][0]}\n" * 20_000)
    shares = [batch.read for batch in batches(path, notation(4))]
    assert shares == sorted(shares) and shares[0] < 0.3 and shares[-1] == pytest.approx(1.0)


# the commands


def test_both_commands_stream_alike_and_show_success_by_rating(tmp_path, capsys):
    path = tmp_path / "test.csv"
    path.write_text("question,rating\n" + "".join(f"{row[0]},{row[1]}\n" for row in ROWS))
    known = []
    for main, words in ((trm, []), (cli.main, ["--stream", str(tmp_path / "rows.jsonl")])):
        assert main(call(path, *words, "--json")) == 0
        known.append(json.loads(capsys.readouterr().out))
    shared = ("solved", "n", "success", "interval", *COSTS, "network_calls_solved", "by_rating")
    assert [known[0][name] for name in shared] == [known[1][name] for name in shared]
    bands = [(band["rating"], band["n"], band["solved"]) for band in known[0]["by_rating"]]
    assert bands == [("0", 1, 1), ("10 to 20", 2, 2)]
    assert trm(call(path)) == 0
    shown = capsys.readouterr()
    assert "10 to 20" in shown.out and "3 of about 3" in shown.err


def call(puzzles: Path, *more: str) -> list[str]:
    return ["evaluate", "zoo:upi-trm-sudoku-4x4", "--env", "SudokuPlanEdit-4x4-v0", "--puzzles", str(puzzles), *more]


MEASURED = """
import json, resource, sys
from benchmarks import cli
for arguments in json.loads(sys.argv[1]):
    assert cli.main(arguments) == 0
    print([1024 * resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)])
"""


def test_forty_times_the_puzzles_have_the_same_means_and_take_no_more_memory(tmp_path):
    grids = pool("SudokuPlanEdit-4x4-v0", {"blanks": (6, 8)}, "test").instances
    text = "".join("".join(map(str, grid)) + "\n" for grid in grids.tolist())
    asked = []
    for name, times in (("few", 1), ("many", TIMES)):
        (tmp_path / f"{name}.txt").write_text(text * times)
        asked.append(call(tmp_path / f"{name}.txt", "--json", "--stream", str(tmp_path / f"{name}.jsonl")))
    command = [sys.executable, "-c", MEASURED, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    few, before, many, after = map(json.loads, done.stdout.splitlines())
    assert (few.pop("n"), many.pop("n")) == (512, 512 * TIMES) and few.pop("solved") * TIMES == many.pop("solved")
    assert few.pop("interval") != many.pop("interval")
    assert few == pytest.approx(many)
    assert all(large - small < MOST_BYTES for small, large in zip(before, after, strict=True)), (before, after)


def test_going_on_gives_the_same_facts(tmp_path, capsys):
    path, rows = tmp_path / "few.txt", tmp_path / "rows.jsonl"
    path.write_text("1000341221434301\n0030341221434301\n" * 300)
    assert trm(call(path, "--json", "--stream", str(rows))) == 0
    whole = rows.read_text()
    rows.write_text(whole.splitlines(keepends=True)[0])
    assert trm(call(path, "--json", "--stream", str(rows))) == 0
    assert rows.read_text() == whole
    known, again = map(json.loads, capsys.readouterr().out.splitlines())
    assert known == again and known["n"] == 600


@given(st.lists(st.integers(1, 9), min_size=1))
def test_the_median_of_counted_values_is_that_of_the_values(values):
    assert median(Counter(values)) == np.median(values)
