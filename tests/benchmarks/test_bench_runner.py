"""Running, interrupting, resuming and failing, with fake contestants."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import bench_fakes
import numpy as np
import pytest
from bench_fakes import HereLauncher, quiet, run_words, without_clock

from benchmarks import cli
from benchmarks.commands import launching
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES, pool, scored_pool, suite
from benchmarks.running import models, scoring, training
from benchmarks.running.cell import drawn_from, run_cell
from benchmarks.running.runner import Runner, jobs, plan

FAKES = ["--contestants", "bench_fakes"]


def new_folder(root: Path, algos=("mine", "ppo"), seeds=(0, 1)) -> tuple[Folder, list[Cell]]:
    folder = Folder(root)
    cells = plan(bench_fakes, ["sudoku-4x4-hard"], algos, seeds, 200)
    folder.save_plan(cells, {"command": "python -m benchmarks run"})
    return folder, cells


def facts(folder: Folder) -> list[dict]:
    return sorted((without_clock(dataclasses.asdict(row)) for row in folder.results()), key=lambda row: str(row))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Folder:
    folder, cells = new_folder(tmp_path_factory.mktemp("runs") / "whole")
    assert Runner(folder, HereLauncher(), FAKES, quiet()).run(cells, 2) == 0
    return folder


def test_a_run_gives_every_cell_one_row(finished):
    rows = {row.key: row for row in finished.results()}
    assert sorted(rows) == sorted(cell.key for cell in finished.plan())
    mine = rows["sudoku-4x4-hard", "mine", 1, 200]
    assert (mine.env_steps, mine.model_queries, mine.gradient_steps, mine.parameters) == (200, 600, 20, 7)
    assert (mine.n, mine.solved) == (512, int(mine.solved_mask.sum()))
    outcomes = np.load(finished.of_cell(Cell(*mine.key)) / "outcomes.npz")
    assert outcomes["solved"].tolist() == mine.solved_mask.tolist()
    assert mine.success > 0.9 > 0.1 > rows["sudoku-4x4-hard", "ppo", 1, 200].success
    assert rows["sudoku-4x4-hard", "singles", 0, 0].success == 1.0


def test_learning_curves_are_spaced_logarithmically_and_end_at_the_budget(finished):
    steps = [p.env_steps for p in finished.curves() if (p.algo, p.seed) == ("mine", 0)]
    assert steps == training.curve_points(200) == [3, 6, 10, 19, 34, 61, 110, 200]
    assert training.curve_points(200, 3) == [3, 25, 200] and training.curve_points(200, 1) == [200]


def test_a_row_says_where_it_comes_from_without_paths_or_hosts(finished):
    row = finished.results()[0]
    assert len(row.pool_sha256) == 64
    assert row.versions.startswith("python 3.")
    text = finished.rows_file.read_text() + finished.plan_file.read_text()
    for secret in (os.uname().nodename, str(Path.home()), str(Path(__file__).parents[2]), str(finished.root)):
        assert secret not in text


def test_an_interrupted_run_goes_on_to_the_same_rows(finished, tmp_path):
    folder, cells = new_folder(tmp_path / "broken-off")
    with pytest.raises(KeyboardInterrupt):
        Runner(folder, HereLauncher(limit=3), FAKES, quiet()).run(cells, 1)
    assert 0 < len(folder.results()) < len(cells)
    rest = HereLauncher()
    assert Runner(folder, rest, FAKES, quiet()).run(cells, 1) == 0
    assert len(rest.started) == len(jobs(cells)) - 3
    assert facts(folder) == facts(finished)


def test_a_torn_row_is_run_again(finished, tmp_path):
    folder, cells = new_folder(tmp_path / "torn")
    text = finished.rows_file.read_text()
    folder.rows_file.write_text(text[:-25])
    again = HereLauncher()
    assert Runner(folder, again, FAKES, quiet()).run(cells, 1) == 0
    assert len(again.started) == 1
    assert facts(folder) == facts(finished)


class KilledError(Exception):
    """Stands for a killed process."""


def interrupted_cell(folder: Folder, cell: Cell, monkeypatch) -> None:
    """Train a cell with checkpoints at every rollout, and die in the middle of one."""
    monkeypatch.setattr(training, "CHECKPOINT_S", 0.0)
    step = training.CellCallback._on_step

    def dying(self):
        if self.num_timesteps == 135:
            raise KilledError
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(training.CellCallback, "_on_step", dying)
        with pytest.raises(KilledError):
            run_cell(cell, folder, bench_fakes, 1, "command")


@pytest.mark.parametrize(("algo", "first_step"), [("mine", 130), ("ppo", 0)])
def test_a_killed_cell_goes_on_from_its_checkpoint_or_starts_again(finished, tmp_path, monkeypatch, algo, first_step):
    folder, _ = new_folder(tmp_path / "killed")
    cell = Cell("sudoku-4x4-hard", algo, 0, 200)
    interrupted_cell(folder, cell, monkeypatch)
    started, learn = [], bench_fakes.FakeModel.learn

    def recorded(self, *arguments, **keywords):
        started.append(self.num_timesteps)
        return learn(self, *arguments, **keywords)

    monkeypatch.setattr(bench_fakes.FakeModel, "learn", recorded)
    row = run_cell(cell, folder, bench_fakes, 1, "command")
    assert started == [first_step]
    whole = next(r for r in finished.results() if r.key == cell.key)
    assert without_clock(dataclasses.asdict(row)) == without_clock(dataclasses.asdict(whole))
    models_of = [f.of_cell(cell) / "model.zip" for f in (folder, finished)]
    resumed, uninterrupted = (bench_fakes.METHODS[algo].load(path, "", {}) for path in models_of)
    assert (resumed.trace, resumed.num_timesteps) == (uninterrupted.trace, uninterrupted.num_timesteps)
    curves = [[(p.env_steps, p.success) for p in f.curves() if p.key[:3] == cell.key[:3]] for f in (folder, finished)]
    assert curves[0] == curves[1]
    assert not (folder.of_cell(cell) / "checkpoint.zip").exists()


@pytest.mark.parametrize("trained_before", [False, True])
def test_a_suite_may_be_trained_on_another(tmp_path, monkeypatch, trained_before):
    elsewhere = suite("sudoku-9x9-easy")._replace(name="elsewhere", trained_on="sudoku-4x4-hard")
    monkeypatch.setitem(SUITES, "elsewhere", elsewhere)
    folder, home, cell = Folder(tmp_path), Cell("sudoku-4x4-hard", "mine", 3, 60), Cell("elsewhere", "mine", 3, 60)
    folder.save_plan([home, cell], {"command": "python -m benchmarks run"})
    made, carried = [], []
    kind = bench_fakes.FakeMethod
    make, agent = kind.make, kind.agent
    monkeypatch.setattr(kind, "make", lambda row, *args: made.append(args[0]) or make(row, *args))
    monkeypatch.setattr(
        kind, "agent", lambda row, model, *rest: carried.append(model.carried_to) or agent(row, model, *rest)
    )
    if trained_before:
        monkeypatch.setattr(bench_fakes.FakeModel, "carried_to", "nowhere", raising=False)
        run_cell(home, folder, bench_fakes, 1, "")
    row = run_cell(cell, folder, bench_fakes, 1, "")
    assert made == ["SudokuPlanEdit-4x4-v0"] and set(carried) >= {"SudokuPlanEdit-9x9-v0"}
    assert (row.suite, row.env_id, row.env_steps) == ("elsewhere", "SudokuPlanEdit-9x9-v0", 60)
    # The curve is of the puzzles that are scored, where the cell trained itself.
    curve = [point.suite for point in folder.curves()]
    assert set(curve) == ({"sudoku-4x4-hard"} if trained_before else {"elsewhere"})


def recorded(monkeypatch):
    """The environments that models are made for from now on, and the steps of each call of `learn`."""
    made, learned = [], []
    make, learn = bench_fakes.FakeMethod.make, bench_fakes.FakeModel.learn
    monkeypatch.setattr(bench_fakes.FakeMethod, "make", lambda row, *args: made.append(args[0]) or make(row, *args))
    monkeypatch.setattr(
        bench_fakes.FakeModel, "learn", lambda self, steps, **rest: learned.append(steps) or learn(self, steps, **rest)
    )
    return made, learned


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_suite_may_be_begun_on_another(tmp_path, monkeypatch, interrupted):
    """100 steps there, the rest here, all of it counted; a resumed cell does not begin again."""
    begun = suite("sudoku-9x9-easy")._replace(name="begun", begun_on=("sudoku-4x4-hard", 100))
    monkeypatch.setitem(SUITES, "begun", begun)
    folder, cell = Folder(tmp_path), Cell("begun", "mine", 3, 200)
    folder.save_plan([cell], {"command": "python -m benchmarks run"})
    made, learned = recorded(monkeypatch)
    if interrupted:
        interrupted_cell(folder, cell, monkeypatch)
        assert learned == [100, 100] and (folder.of_cell(cell) / "checkpoint.zip").exists()
    row = run_cell(cell, folder, bench_fakes, 1, "")
    assert made == ["SudokuPlanEdit-4x4-v0"] and learned[:2] == [100, 100] and len(learned) == 2 + interrupted
    assert (row.suite, row.env_id, row.steps, row.env_steps) == ("begun", "SudokuPlanEdit-9x9-v0", 200, 200)
    assert {(point.suite, point.env_steps) for point in folder.curves()} == {("begun", 110), ("begun", 200)}
    assert not folder.of_cell(cell._replace(suite="sudoku-4x4-hard", steps=100)).joinpath("checkpoint.zip").exists()


def test_a_suite_may_be_trained_on_one_that_is_begun_on_another(tmp_path, monkeypatch):
    begun = suite("sudoku-9x9-easy")._replace(name="begun", begun_on=("sudoku-4x4-hard", 100))
    monkeypatch.setitem(SUITES, "begun", begun)
    monkeypatch.setitem(SUITES, "scored", suite("sudoku-9x9-medium")._replace(name="scored", trained_on="begun"))
    folder, cell = Folder(tmp_path), Cell("scored", "mine", 3, 200)
    assert [each.suite for each in drawn_from(cell)] == ["scored", "begun", "sudoku-4x4-hard"]
    folder.save_plan([cell], {"command": "python -m benchmarks run"})
    made, learned = recorded(monkeypatch)
    row = run_cell(cell, folder, bench_fakes, 1, "")
    assert made == ["SudokuPlanEdit-4x4-v0"] and learned == [100, 100]
    assert (row.suite, row.env_steps) == ("scored", 200)
    with pytest.raises(ValueError, match="begun begins with 100 steps of sudoku-4x4-hard: ask for more than 100"):
        run_cell(cell._replace(steps=100), folder, bench_fakes, 1, "")


def test_a_suite_that_trains_on_new_instances_is_scored_on_shipped_ones():
    winding, plain = suite("maze-winding-15x15"), suite("maze-scattered-15x15")
    assert winding.env_kwargs["generate"] is True
    for split in ("validation", "test"):
        found, shipped = (scored_pool(row.env_id, row.env_kwargs, split).instances for row in (winding, plain))
        assert np.array_equal(found, shipped)
    with pytest.raises(ValueError, match="generates its instances"):
        pool(winding.env_id, winding.env_kwargs)


def test_a_budget_must_reach_beyond_what_a_suite_begins_with(tmp_path):
    with pytest.raises(ValueError, match="maze-15x15 begins with 120000 steps of maze-9x9: ask for more than 120000"):
        run_cell(Cell("maze-15x15", "mine", 0, 120_000), Folder(tmp_path), bench_fakes, 1, "")


def test_training_time_excludes_scoring_and_survives_a_resume(tmp_path, monkeypatch):
    """Half a second a step, a thousand for every evaluation, an hour between the kill and the resume."""
    folder, _ = new_folder(tmp_path / "clock")
    cell = Cell("sudoku-4x4-hard", "mine", 0, 200)
    now, step, score = [0.0], training.CellCallback._on_step, scoring.evaluate

    def slow_step(self):
        now[0] += 0.5
        return step(self)

    def slow_evaluate(*arguments, **keywords):
        now[0] += 1000.0
        return score(*arguments, **keywords)

    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(training.CellCallback, "_on_step", slow_step)
    monkeypatch.setattr(scoring, "evaluate", slow_evaluate)
    interrupted_cell(folder, cell, monkeypatch)
    now[0] += 3600.0
    # What was trained between the checkpoint and the kill is lost, and not counted.
    assert run_cell(cell, folder, bench_fakes, 1, "command").wall_s == pytest.approx(100.0)


def test_a_failed_cell_keeps_its_traceback_and_is_tried_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launching, "LocalLauncher", HereLauncher)
    out = tmp_path / "run"
    assert cli.main(run_words(out, "ppo,broken", "0")) == 1
    folder = Folder(out)
    (failure,) = folder.failures()
    assert failure.key == ("sudoku-4x4-hard", "broken", 0, 200)
    assert "Traceback" in failure.error
    assert "broken on purpose" in failure.error
    page = (out / "report.html").read_text()
    assert '<tr class="failed' in page
    assert "broken on purpose" in page
    assert "1 cell failed" in page
    assert cli.main(["report", str(out)]) == 1
    assert cli.main(["status", str(out)]) == 1
    assert "failed" in capsys.readouterr().out
    monkeypatch.setattr(bench_fakes.FakeMethod, "make", lambda *a: bench_fakes.FakeModel("repaired", a[-1]))
    assert cli.main(run_words(out, "ppo,broken", "0", "--resume")) == 0
    assert folder.failures() == []
    assert cli.main(["status", str(out)]) == 0


def test_a_cell_that_is_killed_without_a_word_has_failed(tmp_path):
    class Silent(HereLauncher):
        def start(self, work):
            return bench_fakes.Done(-9)

    folder, cells = new_folder(tmp_path / "killed", seeds=(0,))
    assert Runner(folder, Silent(), FAKES, quiet()).run(cells, 2) == len(cells)
    assert {row.exit_code for row in folder.failures()} == {-9}


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launching, "LocalLauncher", None)
    assert cli.main(run_words(tmp_path / "run", "mine,mine+search=5,ppo", "0-2", "--dry-run")) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("mine", "ppo", "random", "singles"))
    assert "13 cells, 0 finished, 1200 environment steps to make" in text
    assert not (tmp_path / "run").exists()


def test_an_existing_folder_needs_resume(tmp_path, capsys):
    assert cli.main(run_words(tmp_path)) == 2
    captured = capsys.readouterr()
    assert "exists already: add --resume" in captured.err
    assert captured.out == ""


def test_stage_0_and_the_lines_of_the_suite_are_always_in_the_plan():
    import baselines

    cells = plan(baselines, ["sudoku-4x4-hard", "maze-9x9"], ["ppo"], [0, 1], 100)
    algos = {suite: {cell.algo for cell in cells if cell.suite == suite} for suite in ("sudoku-4x4-hard", "maze-9x9")}
    lines = {"random", "random_consistent", "checker_greedy", "solver"}
    assert algos["sudoku-4x4-hard"] == {"ppo", "stage0", "singles", "propagation"} | lines
    assert algos["maze-9x9"] >= {"ppo", "stage0"} | (lines - {"solver"})
    assert "singles" not in algos["maze-9x9"]
    assert [cell.seed for cell in cells if (cell.suite, cell.algo) == ("sudoku-4x4-hard", "solver")] == [0]
    assert [cell.seed for cell in cells if (cell.suite, cell.algo) == ("maze-9x9", "stage0")] == [0, 1]


def test_a_method_is_left_out_of_the_suites_that_it_cannot_play_and_refused_where_it_can_play_none():
    import baselines

    survival = "upi_trm-survival@unroll=5"
    cells = plan(baselines, ["maze-9x9", "sudoku-4x4-hard"], [survival, "ppo"], [0], 100, stage0=False)
    trained = {(cell.suite, cell.algo) for cell in cells if cell.steps}
    assert trained == {("maze-9x9", "ppo"), ("sudoku-4x4-hard", "ppo"), ("sudoku-4x4-hard", survival)}
    with pytest.raises(ValueError, match="upi_trm-survival can play none of maze-5x5, maze-9x9: leave it out"):
        plan(baselines, ["maze-5x5", "maze-9x9"], ["upi_trm-survival"], [0], 100)


def test_methods_come_whole_and_in_order_and_stage_0_can_be_left_for_later():
    cells = plan(bench_fakes, ["sudoku-4x4-hard"], ["ppo", "mine"], [0, 1], 200)
    trained = [(cell.algo, cell.seed) for cell in cells if cell.steps]
    assert trained[:4] == [("ppo", 0), ("ppo", 1), ("mine", 0), ("mine", 1)]
    import baselines

    cells = plan(baselines, ["sudoku-4x4-hard"], ["ppo"], [0], 200, stage0=False)
    assert {cell.algo for cell in cells if cell.steps} == {"ppo"}


@pytest.mark.parametrize(
    ("algos", "steps", "message"),
    [
        (["pqo"], 1, r"unknown algorithms \['pqo'\]"),
        (["ppo"], 0, "at least 1"),
        (["mine+attempts=0"], 1, r"unknown algorithms \['mine\+attempts=0'\].*ROW\+attempts=127"),
        (["ppo+search=5"], 1, "models of 'ppo' have no solvers"),
    ],
)
def test_a_plan_names_what_is_wrong(algos, steps, message):
    with pytest.raises(ValueError, match=message):
        plan(bench_fakes, ["sudoku-4x4-hard"], algos, [0], steps)


def test_real_processes_are_ended_by_a_polite_kill_and_resumed(tmp_path):
    """The runner and its cells as processes: SIGTERM after the first row, then the same command with --resume."""
    out, root = tmp_path / "run", Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'tests' / 'helpers'}{os.pathsep}{root}"}
    words = [sys.executable, "-m", "benchmarks", *run_words(out, "ppo", "0")]
    first = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    rows = out / "rows.jsonl"
    bench_fakes.wait_for(lambda: rows.exists() and records.read(rows, ResultRow))
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 130
    before = records.read(rows, ResultRow)
    done = subprocess.run([*words, "--resume"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    after = records.read(rows, ResultRow)
    assert after[: len(before)] == before
    assert sorted({row.key for row in after}) == sorted(cell.key for cell in Folder(out).plan())
    assert len(after) == len({row.key for row in after})
    assert "report:" in done.stdout


def test_model_files_are_labelled(finished):
    cell = Cell("sudoku-4x4-hard", "mine", 0, 200)
    label = models.label_of(finished.of_cell(cell) / "model.zip")
    assert (label.algo, label.env_id, label.cost.env_steps) == ("mine", "SudokuPlanEdit-4x4-v0", 200)


def test_two_runs_do_not_share_a_folder(tmp_path, capsys):
    folder, _ = new_folder(tmp_path / "run", algos=("mine",), seeds=(5,))
    words, before = run_words(folder.root), folder.plan_file.read_bytes()
    with folder.lock():
        assert cli.main([*words, "--resume"]) == 2
    assert folder.plan_file.read_bytes() == before
    assert "another run is under way" in capsys.readouterr().err and not folder.rows_file.exists()
    # Whoever held it has gone.
    with folder.lock():
        pass
