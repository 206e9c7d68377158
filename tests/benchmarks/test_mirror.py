"""Files of works that travel: nothing is lost, nothing is doubled, and what was superseded writes no more."""

from __future__ import annotations

import dataclasses

import bench_fakes
import pytest
from bench_fakes import quiet, without_clock
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.rows import ResultRow
from benchmarks.running import training
from benchmarks.running.cell import drawn_from, run_cell
from benchmarks.running.launcher import Work
from benchmarks.running.mirror import Mirror, Store, SupersededError
from benchmarks.running.runner import Runner, plan

CELL = Cell("sudoku-4x4-hard", "mine", 0, 200)
AT = "cells/sudoku-4x4-hard/mine-seed0-steps200"


class Nodes:
    """Runs works in this process, each in a copy of its own that is thrown away: nodes without a shared disk."""

    workers = 1

    def __init__(self, folder, root):
        self.store, self.folder, self.number = Store(root), folder, 0

    def start(self, work):
        self.number += 1
        copy = self.folder / str(self.number)
        copy.mkdir()
        mirror = Mirror(copy, work, self.store.open(work, str(self.number)))
        (copy / work.log).parent.mkdir(parents=True, exist_ok=True)
        (copy / work.log).write_text("begun")
        code = cli.main([*work.words, "--out", str(copy)])
        self.store.take(work, str(self.number), mirror.changes(ended=True))
        return bench_fakes.Done(code)

    def close(self):
        pass


def work_of(root, cells=(CELL,)) -> Work:
    needs = tuple(str(Folder(root).of_cell(cell).relative_to(root)) for cell in cells)
    return Work(("cell",), root, f"{needs[0]}/log.txt", "rows.jsonl", frozenset(cell.key for cell in cells), needs)


def row_of(root, cell: Cell = CELL) -> ResultRow:
    folder = Folder(root)
    folder.save_plan([cell], {"command": ""})
    return run_cell(cell, folder, bench_fakes, 1, "")


def facts(folder: Folder) -> list[dict]:
    return sorted((without_clock(dataclasses.asdict(row)) for row in folder.results()), key=str)


def files(folder: Folder) -> set[str]:
    inside = (path for path in folder.root.glob("cells/**/*") if path.is_file())
    return {str(path.relative_to(folder.root)) for path in inside if path.name not in ("log.txt", "progress.txt")}


def test_a_run_on_nodes_without_a_shared_disk_leaves_the_folder_of_a_local_one(tmp_path):
    cells = plan(bench_fakes, ["sudoku-4x4-hard"], ["mine", "mine+attempts=3", "ppo"], [0, 1], 200)
    made = []
    for name in ("nodes", "local"):
        folder = Folder(tmp_path / name)
        folder.save_plan(cells, {"command": "python -m benchmarks run"})
        launcher = Nodes(tmp_path, folder.root) if name == "nodes" else bench_fakes.HereLauncher()
        assert Runner(folder, launcher, ["--contestants", "bench_fakes"], quiet()).run(cells) == 0
        made.append(folder)
    assert facts(made[0]) == facts(made[1])
    assert [(p.key, p.success) for p in made[0].curves()] == [(p.key, p.success) for p in made[1].curves()]
    local = {name for name in files(made[1]) if not name.endswith(".lock")}
    assert files(made[0]) == local


class LostError(Exception):
    """Stands for a lost node."""


def test_a_work_goes_on_elsewhere_from_the_checkpoint_that_was_sent_last(tmp_path, monkeypatch):
    """The node dies at step 135; its last message was of step 130 or before."""
    home, first, second = (Folder(tmp_path / name) for name in ("home", "first", "second"))
    store, work = Store(home.root), work_of(home.root)
    for folder in (first, second):
        folder.root.mkdir()
    mirror = Mirror(first.root, work, store.open(work, "first"))
    monkeypatch.setattr(training, "CHECKPOINT_S", 0.0)
    step = training.CellCallback._on_step

    def dying(self):
        store.take(work, "first", mirror.changes(ended=False))
        if self.num_timesteps == 135:
            raise LostError
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(training.CellCallback, "_on_step", dying)
        with pytest.raises(LostError):
            run_cell(CELL, first, bench_fakes, 1, "")
    assert (home.root / AT / "checkpoint.zip").read_bytes() == (first.root / AT / "checkpoint.zip").read_bytes()
    assert not (home.root / AT / "checkpoint-before.zip").exists()

    mirror = Mirror(second.root, work, store.open(work, "second"))
    begun, learn = [], bench_fakes.FakeModel.learn
    monkeypatch.setattr(
        bench_fakes.FakeModel, "learn", lambda self, *a, **k: begun.append(self.num_timesteps) or learn(self, *a, **k)
    )
    run_cell(CELL, second, bench_fakes, 1, "")
    store.take(work, "second", mirror.changes(ended=True))
    assert begun == [130]
    whole = row_of(tmp_path / "whole")
    (row,) = home.results()
    assert without_clock(dataclasses.asdict(row)) == without_clock(dataclasses.asdict(whole))
    steps = [point.env_steps for point in records.read(home.root / AT / "curve.jsonl", training.CurveRow)]
    assert steps == training.curve_points(200)
    assert not (home.root / AT / "checkpoint.zip").exists()


def test_a_lost_node_that_still_runs_writes_no_more_and_doubles_no_row(tmp_path):
    row = row_of(tmp_path / "node")
    store, work = Store(tmp_path / "home"), work_of(tmp_path / "home")
    lost = Mirror(tmp_path / "node", work, {})
    lost._rows_told = 0
    store.open(work, "lost")
    store.open(work, "new")
    with pytest.raises(SupersededError, match="started anew elsewhere"):
        store.take(work, "lost", lost.changes(ended=False))
    assert not (tmp_path / "home" / "rows.jsonl").exists() and not (tmp_path / "home" / "cells").exists()
    changes = lost.changes(ended=True)._replace(rows=[row, row])
    store.take(work, "new", changes)
    assert records.read(tmp_path / "home" / "rows.jsonl", ResultRow) == [row]
    # A store that begins anew, with the cluster, knows the rows that are there.
    again = Store(tmp_path / "home")
    again.take(work, "new", changes)
    assert len(records.read(tmp_path / "home" / "rows.jsonl", ResultRow)) == 1
    assert ResultRow.schema in again.open(work, "third")["rows.jsonl"].decode()


def test_a_work_gets_the_rows_that_are_its_own(tmp_path):
    row_of(tmp_path, CELL)
    others = work_of(tmp_path, (CELL._replace(seed=1),))
    assert Store(tmp_path).open(others, "a")["rows.jsonl"] == b""


@pytest.mark.parametrize("name", ["../stranger", "cells/../../stranger", "/tmp/stranger"])
def test_nothing_is_written_outside_the_folder(tmp_path, name):
    store, work = Store(tmp_path / "home"), work_of(tmp_path / "home")
    changes = Mirror(tmp_path, work, {}).changes(ended=False)
    with pytest.raises(ValueError, match="outside the run's folder"):
        store.take(work, "a", changes._replace(files={name: b"x"}))


NAMES = ("a.zip", "checkpoint.zip", "curve.jsonl", "b.txt", "checkpoint-before.zip", "x.lock", ".hidden")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.binary(max_size=4)), max_size=6), max_size=6))
def test_whatever_is_written_and_removed_the_folder_ends_as_the_copy(tmp_path_factory, rounds):
    """Names that stay behind are those of locks, of hidden files and of the checkpoint before."""
    home, node = (tmp_path_factory.mktemp(name) for name in ("home", "node"))
    store, work = Store(home), work_of(home)
    mirror = Mirror(node, work, store.open(work, "a"))
    place = node / AT
    place.mkdir(parents=True)
    for number, written in enumerate(rounds):
        for name, content in written:
            if content is None:
                (place / name).unlink(missing_ok=True)
            else:
                (place / name).write_bytes(content + bytes([number]) * (number + 5))
        store.take(work, "a", mirror.changes(ended=False))
    store.take(work, "a", mirror.changes(ended=True))
    expected = {path.name: path.read_bytes() for path in place.iterdir() if path.name in NAMES[:4]}
    found = {path.name: path.read_bytes() for path in (home / AT).iterdir()} if (home / AT).exists() else {}
    assert found == expected


def test_works_need_the_folders_of_suites_that_theirs_begin_with():
    begun, elsewhere = Cell("maze-15x15", "ppo", 1, 180_000), Cell("sudoku-9x9-hard-from-9x9", "x+attempts=3", 1, 9)
    assert drawn_from(begun) == [begun, Cell("maze-9x9", "ppo", 1, 120_000)]
    trained = elsewhere._replace(algo="x")
    assert drawn_from(elsewhere) == [elsewhere, trained, trained._replace(suite="sudoku-9x9")]
