"""Cells as Slurm jobs, by submitit's executor of this machine: rows, a preempted job, Ctrl-C and what is refused."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bench_fakes import quiet, run_words, wait_for, without_clock

from benchmarks import cli
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.running.launcher import LocalLauncher
from benchmarks.running.runner import Runner

pytest.importorskip("submitit", reason="submitit is an extra: pip install -e '.[slurm]', or make cluster-test")

ROOT = Path(__file__).parents[2]
HERE = ("--launcher", "slurm", "--slurm", "cluster=local,timeout_min=10")
PATIENCE_S = 120.0


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Of jobs: they find the fakes, and the slow cell is scored once the returned file is there."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "tests" / "helpers", ROOT))))
    monkeypatch.setenv("BENCH_FAKES_HOLD", str(tmp_path / "go"))
    return tmp_path / "go"


def facts(folder: Folder) -> list[dict]:
    rows = [without_clock(dataclasses.asdict(row)) for row in folder.results()]
    return sorted(({**row, "cpu": "", "commit": "", "dirty": False} for row in rows), key=str)


def test_jobs_give_the_rows_of_local_cells_and_name_their_node(environment, tmp_path):
    folder, local = Folder(tmp_path / "slurm"), Folder(tmp_path / "local")
    assert cli.main(run_words(folder.root, "mine", "0", *HERE)) == 0
    local.save_plan(folder.plan(), {"command": ""})
    runner = Runner(local, LocalLauncher(), ["--contestants", "bench_fakes"], quiet())
    assert runner.run(folder.plan(), 2) == 0
    assert facts(folder) == facts(local)
    assert all(" node slurm:" in row.cpu for row in folder.results())
    assert os.uname().nodename not in folder.rows_file.read_text()
    assert not (folder.root / "slurm").exists()


def test_an_interrupted_run_cancels_its_jobs(environment, tmp_path):
    folder, cell = Folder(tmp_path / "run"), Cell("sudoku-4x4-hard", "slow", 0, 200)
    words = [sys.executable, "-m", "benchmarks", *run_words(folder.root, "slow", "0", *HERE)]
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        wait_for((folder.of_cell(cell) / "model.zip").exists, PATIENCE_S)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
        wait_for(lambda: not _cells(folder), 20)
    finally:
        run.kill()
        run.wait()
    assert not [row for row in folder.results() if row.algo == "slow"]


def _cells(folder: Folder) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"cell" in words and str(folder.root).encode() in words:
            found.append(path.parent.name)
    return found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param("timeout_min=10", "are you indeed on a slurm cluster", id="no-slurm"),
        pytest.param("cluster=local,speed=3", "'speed' need to be prefixed", id="no-parameter"),
        pytest.param("cluster=nowhere", "nowhere", id="no-executor"),
    ],
)
def test_what_submitit_refuses_ends_before_anything_is_written(tmp_path, capsys, monkeypatch, asked, message):
    monkeypatch.setenv("PATH", "")
    assert cli.main(run_words(tmp_path / "run", "mine", "0", "--launcher", "slurm", "--slurm", asked)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_preempted_job_is_queued_again_as_it_was():
    from benchmarks.running.launcher import Work
    from benchmarks.running.slurm_launcher import Attempt

    attempt = Attempt(Work(("cell",), ROOT, "log.txt", "rows.jsonl", frozenset()))
    assert attempt.checkpoint().function is attempt
