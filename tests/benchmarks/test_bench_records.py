"""Rows on disk: whole lines, torn lines, CSV, schemas."""

import dataclasses
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_helpers import result

from benchmarks.protocol import records
from benchmarks.protocol.rows import CurveRow, FailureRow, ResultRow, pack_bits, unpack_bits
from trm_agents.common import saving


def append_many(path, seeds):
    for seed in seeds:
        records.append(path, result(seed))


def test_rows_survive_json_and_csv(tmp_path):
    rows = [result(0), result(1, success_sampled=0.125, dirty=True)]
    for row in rows:
        records.append(tmp_path / "rows.jsonl", row)
    records.write_atomically(tmp_path / "rows.csv", records.to_csv(rows, ResultRow))
    assert records.read(tmp_path / "rows.jsonl", ResultRow) == rows
    assert records.read(tmp_path / "rows.csv", ResultRow) == rows
    assert records.schema_of(tmp_path / "rows.csv") == records.schema_of(tmp_path / "rows.jsonl") == ResultRow.schema


def test_a_torn_last_line_is_passed_over_and_removed_by_the_next_append(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_many(path, [0, 1])
    whole = path.read_text()
    path.write_text(whole[: len(whole) - 40])
    assert records.read(path, ResultRow) == [result(0)]
    records.append(path, result(2))
    assert records.read(path, ResultRow) == [result(0), result(2)]


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_many(path, [0])
    path.write_text('{"half": \n' + path.read_text())
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 1 is not JSON"):
        records.read(path, ResultRow)


def test_several_processes_append_whole_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=append_many, args=(path, range(k, 80, 4))) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(row.seed for row in records.read(path, ResultRow)) == list(range(80))


@pytest.mark.parametrize("change", [{"schema": "result/1"}, {"more": 1}])
def test_schemas_are_never_mixed(tmp_path, change):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**dataclasses.asdict(result()), **change}) + "\n")
    with pytest.raises(ValueError, match=r"line 1 has schema 'result/\d'.*never mixed"):
        records.read(path, ResultRow)


def test_other_classes_of_records_are_refused(tmp_path):
    records.append(tmp_path / "f.jsonl", FailureRow("s", "a", 0, 1, 1, "error"))
    with pytest.raises(ValueError, match="failure/1"):
        records.read(tmp_path / "f.jsonl", CurveRow)


def test_latest_keeps_the_last_row_of_a_cell():
    assert records.latest([result(0), result(1), result(0, solved=3)]) == [result(0, solved=3), result(1)]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    records.write_atomically(path, "old")

    def no_space(*_):
        raise OSError("no space left")

    monkeypatch.setattr(saving.os, "replace", no_space)
    with pytest.raises(OSError, match="no space"):
        records.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_renamed_is_on_the_disk_before(tmp_path, monkeypatch):
    path, done, synced, renamed = tmp_path / "report.html", [], os.fsync, os.replace

    def sync(number):
        done.append(("synced", os.readlink(f"/proc/self/fd/{number}"), os.fstat(number).st_size))
        synced(number)

    def rename(source, target):
        done.append(("renamed", str(source)))
        renamed(source, target)

    monkeypatch.setattr(saving.os, "fsync", sync)
    monkeypatch.setattr(saving.os, "replace", rename)
    records.write_atomically(path, "four")
    assert [step[0] for step in done] == ["synced", "renamed", "synced"]
    assert done[0][1:] == (done[1][1], 4) and done[2][1] == str(tmp_path)


@pytest.mark.parametrize("name", ["report.html", "run.json", "model.zip", "odd[1].csv", "bare"])
def test_what_a_killed_writer_left_is_removed_by_the_next_write(tmp_path, name):
    code = (
        "import os, sys; from pathlib import Path; from benchmarks.protocol import records\n"
        "def write(path): path.write_text('half'); os.kill(os.getpid(), 9)\n"
        "records.replace_atomically(Path(sys.argv[1]), write)"
    )
    path, other = tmp_path / name, tmp_path / f".other-{name}"
    killed = subprocess.run([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[2])
    assert killed.returncode == -9 and len(list(tmp_path.iterdir())) == 1
    # A writer that lives has not finished, and other files are none of ours.
    alive = tmp_path / f".{name}.{os.getppid()}{path.suffix}"
    for file in (alive, other):
        file.write_text("mine")
    records.write_atomically(path, "whole")
    assert path.read_text() == "whole" and set(tmp_path.iterdir()) == {path, alive, other}


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_survive_packing(bits):
    assert unpack_bits(pack_bits(np.array(bits)), len(bits)).tolist() == bits


def test_a_field_that_is_too_long_for_csv_is_refused_in_words(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("schema,a\n" + "x" * 200_000 + ",1\n")
    for reading in (lambda: records.read(path, ResultRow), lambda: records.schema_of(path)):
        with pytest.raises(ValueError, match=r"rows\.csv is not a CSV file of rows: field larger than"):
            reading()
