"""What launchers cost: the command's rows, and the tables of docs/scaling.md from them."""

from __future__ import annotations

import dataclasses

import bench_fakes
import pytest
from bench_fakes import HereLauncher

from benchmarks import cli
from benchmarks.commands import launching
from benchmarks.protocol import records
from benchmarks.protocol.study_rows import ScalingRow
from benchmarks.reporting import readme, tables
from benchmarks.running import scaling

ROW = ScalingRow(
    launcher="ray", workers=2, suite="sudoku-4x4-easy", algo="ppo", steps=100, cells=8, start_s=4.25, wall_s=20.0,
    cells_per_hour=1440.0, overhead_s=0.36, sent_bytes=1_000.0, received_bytes=49_000.0, model_bytes=40_000,
    threads=1, commit="c0ffee", dirty=False, cpu="a", versions="x", command="python -m benchmarks scaling",
)  # fmt: skip


class Slow(HereLauncher):
    """Cells in this process; works that do nothing take two polls, where their command takes none."""

    def start(self, work):
        if "--help" not in work.words:
            return super().start(work)
        polls = iter((None, 0))
        process = bench_fakes.Done(0)
        process.poll = lambda: next(polls)
        return process

    def traffic(self):
        return 3_000, 5_000


def test_the_command_measures_each_launcher_and_appends_its_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launching, "LocalLauncher", Slow)
    monkeypatch.setattr(scaling, "_alone", lambda root: 0.1)
    out = tmp_path / "scaling.jsonl"
    words = ["scaling", "--launchers", "local", "--counts", "1,2", "--cells", "2", "--steps", "50", "--out", str(out)]
    assert cli.main(words) == 0
    one, two = records.read(out, ScalingRow)
    assert (one.workers, two.workers, one.cells, one.steps) == (1, 2, 2, 50)
    # Two polls of 0.2 s a work, of a worker each, less the 0.1 s of the command.
    assert 0.3 <= one.overhead_s < 1.5 and 0.3 <= two.overhead_s < 1.5
    assert one.cells_per_hour == pytest.approx(3600 * 2 / one.wall_s, rel=0.1)
    assert (one.sent_bytes, one.received_bytes) == (1_500, 2_500) and one.model_bytes > 1_000
    assert "Launchers" in capsys.readouterr().out


@pytest.mark.parametrize("fails", ["cell", "work"])
def test_a_failure_is_told_with_its_cause(tmp_path, monkeypatch, capsys, fails):
    """The folder that it happened in is gone when the message is read."""

    class Failing(Slow):
        def start(self, work):
            if ("--help" in work.words) == (fails == "work"):
                log = work.root / work.log
                log.parent.mkdir(parents=True, exist_ok=True)
                log.write_text("Traceback\nOSError: no space left on this device\n")
                return bench_fakes.Done(3)
            return super().start(work)

    monkeypatch.setattr(launching, "LocalLauncher", Failing)
    monkeypatch.setattr(scaling, "_alone", lambda root: 0.1)
    out = tmp_path / "scaling.jsonl"
    assert cli.main(["scaling", "--launchers", "local", "--counts", "1", "--cells", "1", "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert f"a {fails} has failed with exit code 3" in told and "OSError: no space left on this device" in told
    assert not out.exists()


def test_unknown_launchers_are_refused(capsys):
    assert cli.main(["scaling", "--launchers", "local,cloud"]) == 2
    assert "unknown launchers ['cloud']; known ones: local, ray, slurm" in capsys.readouterr().err


def test_a_sweep_is_ten_thousand_cells_of_the_widest_measurement(tmp_path):
    rows = [ROW, dataclasses.replace(ROW, workers=1, sent_bytes=7.0), dataclasses.replace(ROW, launcher="local")]
    rows[2] = dataclasses.replace(rows[2], sent_bytes=0.0, received_bytes=0.0)
    for row in rows:
        records.append(tmp_path / "scaling.jsonl", row)
    short, hour = readme.table("sweep", tmp_path).splitlines()[2:]
    # 10,000 x 50 kB, 10,000 x 40 kB a minute, 10,000 x 0.36 s.
    assert short.split(" | ")[1:] == ["1", "500 MB", "400 MB", "1.0 h of one worker |"]
    assert hour.split(" | ")[1:4] == ["60", "500 MB", "24 GB"]
    assert len(readme.table("scaling", tmp_path).splitlines()) == 2 + 3


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (7e15, "7e+03 TB")]
)
def test_sizes(count, text):
    assert tables.size(count) == text
