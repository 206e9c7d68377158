"""`evaluate` and `speed` from the outside, and names of folders."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import bench_fakes
import numpy as np
import pytest
from bench_fakes import HereLauncher, run_words

from baselines import METHODS
from benchmarks import cli
from benchmarks.commands import launching
from benchmarks.commands.arguments import seeds
from benchmarks.protocol import records
from benchmarks.protocol.rows import SpeedRow
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import pool, suite
from benchmarks.running import models
from benchmarks.running.models import Label
from benchmarks.studies import speed

ROOT = Path(__file__).parents[2]
PUZZLES = 20
OURS = ("hindsight_trm", "hindsight_trm-certified", "upi_trm", "upi_trm-exact", "stage0")


@pytest.fixture
def puzzles(tmp_path) -> Path:
    row = suite("sudoku-4x4-hard")
    grids = pool(row.env_id, row.env_kwargs, "test").instances[:PUZZLES]
    path = tmp_path / "mine.txt"
    path.write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    return path


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.zip"
    models.save(bench_fakes.FakeModel("mine", 0), path, Label("mine", "SudokuPlanEdit-4x4-v0", {"blanks": [6, 8]}))
    return path


def words(model, puzzles, *more) -> list[str]:
    base = ["evaluate", str(model), "--env", "SudokuPlanEdit-4x4-v0", "--puzzles", str(puzzles)]
    return [*base, "--contestants", "bench_fakes", *more]


def test_evaluate_json_is_one_object_and_nothing_else(model, puzzles):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests' / 'helpers'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "benchmarks", *words(model, puzzles, "--json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["n"], found["success"]) == (PUZZLES, found["solved"] / PUZZLES)
    interval = wilson_interval(found["solved"], PUZZLES)
    assert found["interval"] == [interval.lo, interval.hi]
    assert 6 <= found["edits"] <= 16


def test_evaluate_text_and_budget(model, puzzles, capsys):
    assert cli.main(words(model, puzzles)) == 0
    assert "puzzles: 100.0% (95 % Wilson interval 83.9% to 100.0%)" in capsys.readouterr().out
    assert cli.main(words(model, puzzles, "--max-edits", "3", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["solved"], found["edits"], found["max_edits"]) == (0, 3.0, 3)


@pytest.mark.parametrize("solver", ["search", "attempts"])
def test_evaluate_by_a_solver(model, puzzles, capsys, solver):
    assert cli.main(words(model, puzzles, f"--{solver}", "7", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found[solver], found["n"], found["solved"]) == (7, PUZZLES, 7)
    assert found["success"] == 7 / PUZZLES and {"search", "attempts"} <= found.keys()
    assert (found["network_calls"], found["inner_steps"], found["checks"]) == (1.0, 120.0, 2.0)
    assert found["network_calls_solved"] == 1.0
    # The name that the checks of a search had before.
    assert found.get("model_queries") == (found["checks"] if solver == "search" else None)
    assert cli.main(words(model, puzzles, f"--{solver}", "7")) == 0
    assert f"mine with {solver}=7 solved 7 of {PUZZLES} puzzles" in capsys.readouterr().out


def test_evaluate_without_a_solver_plays_the_policy_alone(model, puzzles, capsys):
    found = []
    for arguments in ((), ("--search", "0"), ("--attempts", "0")):
        assert cli.main(words(model, puzzles, "--json", *arguments)) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1] == found[2]
    assert (found[0]["search"], found[0]["attempts"], found[0]["network_calls"]) == (0, 0, 0.0)


def test_evaluate_takes_one_solver_at_a_time(model, puzzles, capsys):
    with pytest.raises(SystemExit):
        cli.main(words(model, puzzles, "--search", "5", "--attempts", "5"))
    assert "not allowed with" in capsys.readouterr().err
    assert cli.main(words(model, puzzles, "--search", "5", "--unroll", "auto")) == 2
    assert "--unroll auto is for the policy alone" in capsys.readouterr().err


def test_evaluate_says_what_is_wrong_on_stderr(model, puzzles, tmp_path, capsys):
    bad = tmp_path / "bad.txt"
    bad.write_text("12345\n")
    for arguments, message in [
        (words(tmp_path / "none.zip", puzzles), "there is no model file"),
        (words(puzzles, puzzles), "not a zip file"),
        (words(model, tmp_path / "none.txt"), "there is no puzzle file"),
        (words(model, bad), "line 1"),
        (words(model, puzzles, "--algo", "pqo"), "unknown method 'pqo'"),
    ]:
        assert cli.main([*arguments, "--json"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert message in captured.err


@pytest.mark.parametrize("name", ["ppo", "a2c", "dqn", "maskable_ppo", "trm_maskable_ppo", "trm_dqn", *OURS])
def test_saved_files_name_their_row(name, tmp_path):
    METHODS[name].make("SudokuPlanEdit-4x4-v0", {}, 0).save(tmp_path / "model.zip")
    assert models.row_of_file(tmp_path / "model.zip") == name


def test_a_file_that_says_nothing_of_its_row_asks(tmp_path):
    import stable_baselines3

    path = tmp_path / "model.zip"
    stable_baselines3.PPO("MlpPolicy", "CartPole-v1", device="cpu").save(path)
    with pytest.raises(ValueError, match=r"does not say which method it is of: name it with --algo"):
        models.row_of_file(path)


def test_drawn_actions_are_legal_and_cover_the_legal_ones():
    mask = np.array([[0, 1, 1, 0], [1, 0, 0, 0]], np.int8)
    drawn = np.stack([speed.draw_legal(mask, np.random.default_rng(seed)) for seed in range(50)])
    assert set(drawn[:, 0].tolist()) == {1, 2}
    assert set(drawn[:, 1].tolist()) == {0}


def test_speed_replays_legal_actions(monkeypatch):
    import gymnasium as gym

    monkeypatch.setattr(speed, "REPEATS", 2)
    made, make = [], gym.make_vec

    def recording(*arguments, **keywords):
        made.append(make(*arguments, **keywords))
        return made[-1]

    monkeypatch.setattr(speed.gym, "make_vec", recording)
    rate = speed.vector_rate("SudokuPlanEdit-4x4-v0", num_envs=8, steps=40)
    assert min(rate.values) > 0
    step, invalid = made[0].step, []
    monkeypatch.setattr(made[0], "step", lambda a: (out := step(a), invalid.append(out[4]["invalid_action"].any()))[0])
    monkeypatch.setattr(speed.gym, "make_vec", lambda *a, **k: made[0])
    speed.vector_rate("SudokuPlanEdit-4x4-v0", num_envs=8, steps=40)
    # The pass that draws, then the repeats that replay.
    assert len(invalid) in (40 * (1 + 2), 40 * (1 + 5))
    assert not any(invalid)


def test_speed_counts_the_steps_of_training(monkeypatch):
    learned = []
    real = speed.timed
    monkeypatch.setattr(speed, "timed", lambda amount, run: learned.append(amount) or real(amount, run, 2))
    rate = speed.training_rate("sudoku-4x4-easy", warm_up=250, steps=500)
    assert learned == [500]
    assert rate.name == "hindsight_trm, training on sudoku-4x4-easy" and len(rate.values) == 2
    assert all(0 < value < 1e6 for value in rate.values)


def test_speed_rows_can_be_published(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "measurements", lambda: [lambda: speed.Rate("x", "steps/s", [1.0, 3.0, 2.0])])
    assert cli.main(["speed", "--json", "--out", str(tmp_path / "speed.jsonl")]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["value"], row["lowest"], row["highest"], row["repeats"]) == (2.0, 1.0, 3.0, 3)
    (written,) = records.read(tmp_path / "speed.jsonl", SpeedRow)
    assert dataclasses.asdict(written) == row
    assert str(tmp_path) not in row["command"]


@pytest.mark.parametrize(("text", "expected"), [("0-2", [0, 1, 2]), ("3", [3]), ("0,5-6,0", [0, 5, 6])])
def test_seeds_are_ranges_or_lists(text, expected):
    assert seeds(text) == expected


@pytest.mark.parametrize("text", ["", "2-0", "a", "-1", "1-"])
def test_bad_seeds_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--suite", "s", "--algos", "a", "--out", "o", f"--seeds={text}"])
    assert "seeds" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["[/x]", "[bold]"])
def test_a_folder_may_have_brackets_in_its_name(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(launching, "LocalLauncher", HereLauncher)
    out = tmp_path / name.replace("/", "", 1) / f"a{name}"
    assert cli.main(run_words(out, "mine", "0")) == 0
    assert cli.main(["report", str(out)]) == 0
    assert f"report: {out}" in capsys.readouterr().out
    assert cli.main(["status", str(out)]) == 0
    monkeypatch.setattr(launching, "LocalLauncher", lambda: HereLauncher(limit=0))
    assert cli.main(run_words(out, "mine", "1", "--resume")) == 130
    assert f"--resume goes on in {out}" in capsys.readouterr().out.replace("\n", "")
