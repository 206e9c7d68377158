"""Rows are not believed: damage and contradictions are found where rows are read, and named by file and line."""

import dataclasses
import json
import random
import shutil

import bench_fakes
import numpy as np
import pytest
from bench_fakes import HereLauncher, quiet, run_words
from hypothesis import given
from hypothesis import strategies as st
from row_helpers import result, speed_row

from benchmarks import cli
from benchmarks.commands import launching
from benchmarks.protocol import published, records, sums
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.folder import Folder
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.rows import CurveRow, ResultRow, SpeedRow, pack_bits
from benchmarks.running.runner import Runner, plan
from trm_agents.common.sealing import opened, sealed

FAKES = ["--contestants", "bench_fakes"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("runs") / "whole")
    cells = plan(bench_fakes, ["sudoku-4x4-hard"], ["mine", "ppo"], [0, 1], 200)
    folder.save_plan(cells, {"command": "python -m benchmarks run"})
    assert Runner(folder, HereLauncher(), FAKES, quiet()).run(cells, 2) == 0
    return folder


@pytest.fixture
def folder(finished, tmp_path) -> Folder:
    """A copy of a finished run, to be damaged."""
    shutil.copytree(finished.root, tmp_path / "run")
    return Folder(tmp_path / "run")


def flipped(content: bytes, rng: random.Random) -> bytes:
    """The content with one bit turned over."""
    damaged = bytearray(content)
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def test_every_one_of_300_flipped_bits_of_a_rows_file_is_found(folder):
    whole, rows, rng = folder.rows_file.read_bytes(), folder.results(), random.Random(0)
    for _ in range(300):
        folder.rows_file.write_bytes(flipped(whole, rng))
        found = folder.left_out()
        assert found and all(problem.startswith("rows.jsonl, line ") for problem in found)
        # What is left is what was written.
        assert all(row in rows for row in folder.results())
        with pytest.raises(ValueError, match=r"rows\.jsonl, line \d"):
            records.read(folder.rows_file, ResultRow)


@pytest.mark.parametrize("position", [-1, -2, 0, 1])
def test_every_bit_of_the_ends_of_a_rows_file_counts(folder, position):
    whole = folder.rows_file.read_bytes()
    for bit in range(8):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << bit
        folder.rows_file.write_bytes(bytes(damaged))
        assert folder.left_out()


def test_every_one_of_300_flipped_bits_of_published_rows_is_found(tmp_path):
    names = [path.name for path in sorted(PUBLISHED.glob("*.csv"))][:6]
    (tmp_path / "published").mkdir()
    for name in names:
        shutil.copy(PUBLISHED / name, tmp_path / "published")
    listed = sums.seal(tmp_path / "published")
    sums.verify(listed.parent)
    rng = random.Random(1)
    for _ in range(300):
        path = listed.parent / rng.choice([*names, sums.NAME])
        whole = path.read_bytes()
        path.write_bytes(flipped(whole, rng))
        with pytest.raises(ValueError, match=rf"published/.*({sums.NAME}|csv)"):
            published.published(ResultRow, listed.parent)
        path.write_bytes(whole)


@pytest.mark.parametrize("folder", [PUBLISHED, PUBLISHED / "theory"], ids=lambda path: path.name)
def test_published_files_have_their_checksums(folder):
    assert (folder / sums.NAME).is_file(), "python -m benchmarks results --seal"
    sums.verify(folder)


def test_a_file_more_or_less_than_was_published_is_named(tmp_path):
    for name in ("a", "b"):
        records.append(tmp_path / f"{name}.jsonl", speed_row())
    sums.seal(tmp_path)
    assert len(published.published(SpeedRow, tmp_path)) == 1
    (tmp_path / "a.jsonl").rename(tmp_path / "c.jsonl")
    with pytest.raises(ValueError, match=r"a\.jsonl is missing, though SHA256SUMS lists it"):
        published.published(SpeedRow, tmp_path)
    (tmp_path / "a.jsonl").write_bytes((tmp_path / "c.jsonl").read_bytes())
    with pytest.raises(ValueError, match=r"c\.jsonl is not listed in SHA256SUMS; .*results --seal"):
        published.published(SpeedRow, tmp_path)
    sums.seal(tmp_path, ["c.jsonl"])
    sums.verify(tmp_path)


BITS = pack_bits(np.ones(10, np.bool_))
CHANGES = {
    "solved": [
        (11, "success is"),
        (-1, "below 0"),
        ("6", "not an integer"),
        (True, "not an integer"),
        (6.0, "integer"),
    ],
    "success": [(0.5, r"success is 0\.5, but 6 of 10"), (float("nan"), "no number"), ("x", "not a number")],
    "success_sampled": [(1.5, "not between 0 and 1"), (float("inf"), "no number"), ("", "not a number or empty")],
    "solved_bits": [(BITS, "solved is 6, but solved_bits says 10"), ("!!", "not base64"), ("AAAA", "3 bytes")],
    "n": [(0, "n is 0"), (11, "success is"), (None, "not an integer")],
    "suite": [("sudoku-5x5", "unknown suite 'sudoku-5x5'; known suites: sudoku-4x4-easy"), ([], "not a text")],
    "env_id": [("CartPole-v1", "not that of sudoku-4x4-hard")],
    "legal_actions": [("all", "not one of givens, consistent")],
    "kind": [("lines", "'method' or 'line'"), ("line", "a line of 200 steps")],
    "pool_sha256": [("ab", "no SHA-256"), (5, "not a text")],
    "edits": [(float("inf"), "no number"), (-0.5, "below 0"), (None, "not a number")],
    "seed": [(None, "not an integer"), (-1, "below 0"), ([1], "not an integer")],
    "dirty": [(1, "not true or false"), ("True", "not true or false")],
    "commit": [(7, "not a text")],
}


@pytest.mark.parametrize(
    ("field", "value", "message"), [(field, *case) for field, cases in CHANGES.items() for case in cases]
)
def test_a_row_that_contradicts_itself_is_named_by_file_and_line(tmp_path, field, value, message):
    """Written by hand, so with no checksum that would tell."""
    path = tmp_path / "rows.jsonl"
    good, bad = (dataclasses.asdict(result(seed)) for seed in (0, 1))
    path.write_text(json.dumps(good) + "\n" + json.dumps({**bad, field: value}) + "\n")
    with pytest.raises(ValueError, match=rf"rows\.jsonl, line 2: .*{message}"):
        records.read(path, ResultRow)
    found = records.sift(path, ResultRow)
    assert found.records == [result(0)] and list(found.damaged) == [2] and found.unsealed == 2


@pytest.mark.parametrize("kind", published.KINDS, ids=lambda kind: kind.schema)
def test_no_kind_of_row_is_published_unchecked(kind):
    """Numbers of every kind are looked at, whatever study it is of."""
    values = {field.name: 0 for field in dataclasses.fields(kind)}
    number = next(field.name for field in dataclasses.fields(kind) if field.type in ("float", "int"))
    assert problem_of(kind(**{**values, number: float("nan")})) == f"{number} is nan, which is no number"


@given(st.text(min_size=1, max_size=8), st.integers(), st.booleans())
def test_a_sealed_text_opens_to_itself(key, value, lines):
    text = json.dumps({key: value}, indent=1 if lines else None) + "\n" * lines
    assert opened(sealed(text)) == (text, "intact")
    assert json.loads(sealed(text))["checksum"] == json.loads(sealed(text)).get("checksum")
    assert opened(text) == (text, "unsealed")


@pytest.mark.parametrize("row", ["1,x", "1", "1,2,3"])
def test_a_csv_row_of_other_values_is_named(tmp_path, row):
    text = records.to_csv([speed_row()], SpeedRow)
    path = tmp_path / "speed.csv"
    path.write_text(text.splitlines()[0] + "\n" + row + "\n")
    with pytest.raises(ValueError, match=r"speed\.csv, row 1"):
        records.read(path, SpeedRow)
    path.write_bytes(text.encode() + b"\xff\xfe")
    with pytest.raises(ValueError, match=r"speed\.csv is not a CSV file of rows"):
        records.read(path, SpeedRow)


def edit(path, number: int, **changes) -> None:
    """Change a line of a file by hand, without its checksum."""
    lines = path.read_text().splitlines()
    values = {key: value for key, value in json.loads(lines[number - 1]).items() if key != "checksum"}
    lines[number - 1] = json.dumps({**values, **changes})
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("changes", [{"pool_sha256": "cd" * 32}, {"solved": 512, "success": 1.0}, {"success": 0.25}])
def test_a_report_names_what_it_leaves_out_and_compare_refuses_it(folder, capsys, changes):
    number = next(i for i, row in enumerate(folder.results(), 1) if (row.algo, row.seed) == ("ppo", 1))
    edit(folder.rows_file, number, **changes)
    assert cli.main(["report", str(folder.root), "--json"]) == 1
    captured = capsys.readouterr()
    assert f"left out: rows.jsonl, line {number}: " in captured.err and json.loads(captured.out.splitlines()[0])
    assert cli.main(["report", str(folder.root)]) == 1
    named = f"rows.jsonl, line {number}: "
    assert named in capsys.readouterr().out and named in (folder.root / "report.html").read_text()
    assert cli.main(["status", str(folder.root)]) == 1
    assert named in capsys.readouterr().out
    assert cli.main(["compare", str(folder.root), "mine", "ppo"]) == 2
    assert f"error: {named}" in (captured := capsys.readouterr()).err and not captured.out
    with pytest.raises(ValueError, match=rf"rows\.jsonl, line {number}"):
        published.publish(folder, "demo", folder.root / "published")
    assert not (folder.root / "published").exists()


def test_rows_without_checksums_are_read_and_told_of(folder, capsys):
    edit(folder.rows_file, 1)
    assert len(folder.results()) == len(folder.plan()) and not folder.left_out()
    assert cli.main(["report", str(folder.root)]) == 0
    assert "note: 1 rows of rows.jsonl have no checksum" in capsys.readouterr().out


def test_damaged_curves_and_rows_of_other_suites_are_named(folder):
    cell = next(cell for cell in folder.plan() if cell.algo == "mine")
    curve = folder.of_cell(cell) / "curve.jsonl"
    edit(curve, 2, success=float("nan"))
    assert len(records.sift(curve, CurveRow).records) == 7
    other = dataclasses.replace(folder.results()[0], suite="sudoku-9x9", env_id="SudokuPlanEdit-9x9-v0")
    records.append(folder.rows_file, other)
    found = folder.left_out()
    assert any(problem.startswith(f"{cell}, curve.jsonl, line 2: success is nan") for problem in found)
    assert any("test pool with SHA-256" in problem for problem in found)


def test_a_damaged_row_is_set_aside_and_made_again(folder, finished, monkeypatch, capsys):
    whole = folder.rows_file.read_bytes()
    lines = whole.split(b"\n")
    lines[1] = lines[1].replace(b"success", b"succezs")
    folder.rows_file.write_bytes(b"\n".join(lines))
    monkeypatch.setattr(launching, "LocalLauncher", HereLauncher)
    assert cli.main(run_words(folder.root, "mine,ppo", "0-1", "--resume")) == 0
    out = capsys.readouterr().out
    assert "set aside: rows.jsonl, line 2 was changed since it was written" in out
    assert folder.left_out() == [] and sorted(row.key for row in folder.results()) == sorted(
        row.key for row in finished.results()
    )
    rows = folder.rows_file.read_bytes().split(b"\n")
    assert rows[:-2] == [*lines[:1], *lines[2:-1]]
    assert (folder.root / "rows.jsonl.damaged").read_bytes() == lines[1] + b"\n"


@pytest.mark.parametrize(
    "text", ["{", "[]", "\xff", '{"cells": 5}', '{"cells": [[1]]}', '{"cells": [["../x", 1, 2, 3, 4]]}']
)
def test_a_damaged_plan_is_named_and_does_not_block_a_resume(folder, capsys, monkeypatch, text):
    folder.plan_file.write_bytes(text.encode("latin-1"))
    for words in (["report"], ["status"]):
        assert cli.main([*words, str(folder.root)]) == 2
        assert "run.json is damaged" in capsys.readouterr().err
    monkeypatch.setattr(launching, "LocalLauncher", HereLauncher)
    assert cli.main(run_words(folder.root, "mine,ppo", "0-1", "--resume")) == 0
    assert "set aside:" in capsys.readouterr().out and len(folder.plan()) == len(folder.results())


def test_every_flipped_bit_of_a_plan_is_found_or_harmless(folder):
    whole, rng = folder.plan_file.read_bytes(), random.Random(2)
    plan_of_run = folder.plan()
    for _ in range(150):
        folder.plan_file.write_bytes(flipped(whole, rng))
        try:
            assert folder.plan() == plan_of_run
        except ValueError as error:
            assert "run.json is damaged" in str(error)
