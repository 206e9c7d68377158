"""A two-node Ray cluster on this machine: what is interrupted, what is killed, and what comes back.

`make cluster-test` installs Ray and runs this file; elsewhere it is left out where Ray is missing.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bench_fakes import wait_for, without_clock

from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.rows import ResultRow
from benchmarks.running.launcher import LocalLauncher
from benchmarks.running.models import MEMBER

pytest.importorskip("ray", reason="Ray is an extra: pip install -e '.[ray]', or make cluster-test")

ROOT = Path(__file__).parents[2]
PATIENCE_S = 500.0
SUITE, SEEDS, STEPS = "sudoku-4x4-easy", 6, 4000
EXACT = "hindsight_trm@min_buffer_size=100"
"""A method that resumes exactly; it learns from the first instances that it solves."""
STORE_BYTES = 80 * 2**20


class Nodes:
    """A cluster of a head and a second node with a processor each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
        self.cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        self.second = self.cluster.add_node(**node)

    @property
    def victim(self) -> str:
        """The second node, as rows and logs name it."""
        return f"ray:{self.second.node_id[:12]}"

    def kill_second(self) -> None:
        for process in self.second.all_processes["raylet"]:
            os.kill(process.process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def environment():
    """The environment of drivers and nodes."""
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT / "tests" / "helpers", ROOT)))
    os.environ["OMP_NUM_THREADS"] = "1"
    # Ray is polite to other processes of a machine; here that would be this test itself.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def nodes(environment):
    found = Nodes()
    yield found
    found.cluster.shutdown()


def command(out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "benchmarks", "run", "--suite", SUITE, "--algos", f"{EXACT},ppo"]
    words += ["--seeds", f"0-{SEEDS - 1}", "--steps", str(STEPS), "--points", "2", "--contestants", "hasty"]
    return [*words, "--no-stage0", "--out", str(out), *more]


def cells_running() -> list[int]:
    """Processes that run cells of this test's contestants."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"cell" in words and b"hasty" in words:
            found.append(int(path.parent.name))
    return found


def facts(folder: Folder) -> dict:
    rows = (without_clock(dataclasses.asdict(row)) for row in folder.results())
    return {(row["algo"], row["seed"]): {**row, "cpu": "", "commit": "", "dirty": False} for row in rows}


def weights(folder: Folder, seed: int) -> dict[str, bytes]:
    """All members of a trained model but its label, which has a clock in it, and the time it began."""
    path = folder.of_cell(Cell(SUITE, EXACT, seed, STEPS)) / "model.zip"
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name not in (MEMBER, "data")}


def curves(folder: Folder) -> list[tuple]:
    return sorted((point.key, point.success, point.gradient_steps) for point in folder.curves())


def log_of(folder: Folder, cell: Cell) -> str:
    path = folder.of_cell(cell) / "log.txt"
    return path.read_text() if path.exists() else ""


def test_a_run_that_is_interrupted_and_loses_a_node_gives_the_rows_of_a_local_one(nodes, tmp_path):
    folder, local = Folder(tmp_path / "ray"), Folder(tmp_path / "local")
    words = ("--launcher", "ray", "--ray-address", nodes.cluster.address, "--ray-code", "there")
    first = subprocess.Popen(command(folder.root, *words))
    wait_for(lambda: len(folder.results()) >= 2 and cells_running(), PATIENCE_S)
    # Ctrl-C leaves no task behind.
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 130
    wait_for(lambda: not cells_running(), 10)

    before = len(folder.results())
    second = subprocess.Popen(command(folder.root, *words, "--resume"))
    killed = []

    def under_way_on_the_victim() -> bool:
        done = {row.key for row in folder.results()}
        killed[:] = [
            cell
            for cell in folder.plan()
            if cell.algo == EXACT
            and cell.key not in done
            and nodes.victim in log_of(folder, cell)
            # Early enough for the node to die before the cell has ended.
            and 0 < folder.progress(cell) <= STEPS / 2
            and (folder.of_cell(cell) / "checkpoint.zip").exists()
        ]
        return len(folder.results()) > before and bool(killed)

    wait_for(under_way_on_the_victim, PATIENCE_S)
    nodes.kill_second()
    assert second.wait(PATIENCE_S) == 0
    assert "goes on from checkpoint.zip at" in log_of(folder, killed[0])

    rows = records.read(folder.rows_file, ResultRow)
    assert len(rows) == len({row.key for row in rows}) == 2 * SEEDS
    assert {row.cpu.rpartition(" node ")[2][:4] for row in rows} == {"ray:"}
    assert len({row.cpu for row in rows}) == 2
    assert not folder.failures() and not list(folder.root.rglob("checkpoint*.zip"))

    assert subprocess.run(command(local.root, "--workers", str(LocalLauncher.workers))).returncode == 0
    assert facts(folder) == facts(local)
    assert curves(folder) == curves(local)
    assert min(row.gradient_steps for row in local.results()) > 0
    for seed in range(SEEDS):
        assert weights(folder, seed) == weights(local, seed)
