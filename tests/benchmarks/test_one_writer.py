"""One process a cell: runners that die, terminals that are closed, cells that are started twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import bench_fakes
import pytest
from bench_fakes import run_words
from filelock import FileLock

from benchmarks.commands import run as run_command
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.rows import ResultRow
from benchmarks.running import guard

ROOT = Path(__file__).parents[2]
SLOW = Cell("sudoku-4x4-hard", "slow", 0, 200)
PATIENCE_S = 240.0
"""Of tests with real processes, which may have to share their processors."""


class Processes:
    """Processes of a test, none of which outlives it; the slow row is scored once `go` is called."""

    def __init__(self, folder: Path) -> None:
        self.out, self.hold = folder / "run", folder / "go"
        paths = os.pathsep.join(map(str, (ROOT / "tests" / "helpers", ROOT)))
        self.environment = {**os.environ, "PYTHONPATH": paths, "BENCH_FAKES_HOLD": str(self.hold)}
        self.started: list[subprocess.Popen] = []

    def start(self, *words: str, **pipes) -> subprocess.Popen:
        usual = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": self.environment}
        self.started.append(subprocess.Popen(words, **{**usual, **pipes}))
        return self.started[-1]

    def run(self, *more: str) -> tuple[str, ...]:
        return sys.executable, "-m", "benchmarks", *run_words(self.out, "slow", "0", *more)

    def go(self) -> None:
        self.hold.touch()

    def wait_for_scoring(self) -> None:
        bench_fakes.wait_for(self.is_scored, PATIENCE_S)

    def is_scored(self) -> bool:
        """Whether the slow cell has been trained, and is being scored."""
        return (Folder(self.out).of_cell(SLOW) / "model.zip").exists()

    def cells(self) -> list[int]:
        """Processes that run cells of the folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"cell" in words and str(self.out).encode() in words:
                found.append(int(path.parent.name))
        return found

    def rows(self) -> list[ResultRow]:
        """Rows of the slow cell, older ones included."""
        return [row for row in records.read(self.out / "rows.jsonl", ResultRow) if row.algo == "slow"]


@pytest.fixture
def processes(tmp_path):
    mine = Processes(tmp_path)
    yield mine
    for process in mine.started:
        process.kill()
        process.wait()
    for number in mine.cells():
        os.kill(number, signal.SIGKILL)


def test_a_run_resumed_while_the_cell_of_its_dead_runner_scores_makes_one_row(processes):
    first = processes.start(*processes.run())
    processes.wait_for_scoring()
    (cell,) = processes.cells()
    first.kill()
    first.wait()
    second = processes.start(*processes.run("--resume"))
    # The old cell ends though nobody told it, and before it has scored.
    bench_fakes.wait_for(lambda: cell not in processes.cells(), 15)
    processes.go()
    assert second.wait(PATIENCE_S) == 0, second.communicate()[0]
    assert [row.key for row in processes.rows()] == [SLOW.key]
    assert processes.cells() == []


def test_a_cell_that_another_process_runs_is_waited_for_and_not_doubled(processes):
    """Two cells by hand, without a runner that would keep them apart."""
    Folder(processes.out).save_plan([SLOW], {"command": "python -m benchmarks run"})
    words = [sys.executable, "-m", "benchmarks", "cell", "--out", str(processes.out), "--suite", SLOW.suite]
    words += ["--algos", "slow", "--kind", "method", "--seeds", "0", "--steps", "200", "--contestants", "bench_fakes"]
    first = processes.start(*words)
    processes.wait_for_scoring()
    second = processes.start(*words)
    assert "another process is at sudoku-4x4-hard slow seed 0: this one waits" in second.stdout.readline()
    processes.go()
    assert (first.wait(PATIENCE_S), second.wait(PATIENCE_S)) == (0, 0)
    assert "solved" in first.communicate()[0] and second.communicate()[0] == ""
    assert [row.key for row in processes.rows()] == [SLOW.key]


@pytest.fixture
def handlers():
    """Signals as in a terminal, whatever this process was started under (nohup); put back afterwards."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_closed_terminal_ends_a_run_and_its_cells(processes, handlers):
    """The kernel sends SIGHUP, and nothing can be printed any more."""
    mine, its = os.openpty()
    # setsid --ctty makes this terminal the one whose end the run is told of.
    run = processes.start("setsid", "--ctty", *processes.run(), stdin=its, stdout=its, stderr=its)
    os.close(its)

    def read_until_scored() -> None:
        while not processes.is_scored():
            os.read(mine, 65536)

    reader = threading.Thread(target=read_until_scored, daemon=True)
    reader.start()
    processes.wait_for_scoring()
    assert processes.cells()
    reader.join(30)
    os.close(mine)
    assert run.wait(30) == 130
    assert processes.cells() == [] and processes.rows() == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_first_signal_interrupts_and_further_ones_do_not_disturb_the_end(handlers, number):
    seen = run_command._end_politely()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    assert seen == [number]
    for again in (signal.SIGHUP, signal.SIGTERM):
        os.kill(os.getpid(), again)
    assert seen == [number]


def test_what_nohup_ignores_stays_ignored(handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    seen = run_command._end_politely()
    os.kill(os.getpid(), signal.SIGHUP)
    assert seen == [] and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


HOLDER = """
import sys, time
from pathlib import Path
from filelock import FileLock
from benchmarks.running.guard import alone
with alone(FileLock(sys.argv[1]), "it"):
    Path(sys.argv[2]).touch()
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_free(processes, tmp_path, capsys):
    lock, held = tmp_path / "cell.lock", tmp_path / "held"
    holder = processes.start(sys.executable, "-c", HOLDER, str(lock), str(held))
    bench_fakes.wait_for(held.exists, PATIENCE_S)
    entered = []

    def enter() -> None:
        with guard.alone(FileLock(lock), "it"):
            entered.append(time.monotonic())

    waiting = threading.Thread(target=enter, daemon=True)
    waiting.start()
    time.sleep(0.5)
    assert not entered and "another process is at it: this one waits" in capsys.readouterr().out
    holder.kill()
    waiting.join(10)
    assert len(entered) == 1
    # Nobody is waited for now.
    with guard.alone(FileLock(lock), "it"):
        assert capsys.readouterr().out == ""


RUNNER = """
import os, subprocess, sys, time
from benchmarks.running.guard import RUNNER
code = "import time; from benchmarks.running.guard import stop_without_runner as s; s(); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, RUNNER: str(os.getpid())})
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_process_ends_soon_after_its_runner_was_killed(processes):
    runner = processes.start(sys.executable, "-c", RUNNER)
    child = int(runner.stdout.readline())
    time.sleep(1)
    os.kill(child, 0)
    runner.kill()
    bench_fakes.wait_for(lambda: "the runner is gone" in runner.stdout.readline(), 60)


def test_a_process_that_no_runner_started_is_not_watched(monkeypatch):
    begun = []
    monkeypatch.setattr(guard.threading.Thread, "start", lambda thread: begun.append(thread))
    monkeypatch.delenv(guard.RUNNER, raising=False)
    guard.stop_without_runner()
    assert begun == []
    monkeypatch.setenv(guard.RUNNER, "1")
    guard.stop_without_runner()
    assert len(begun) == 1
