"""Which method `evaluate` scores a file as: the file's own, or what it is named where it tells nothing."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import gymnasium as gym
import pytest
import stable_baselines3
from gymnasium.vector import AutoresetMode
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecMonitor

import trm_envs
from baselines import METHODS
from benchmarks import cli
from benchmarks.protocol.suites import pool
from benchmarks.running import models
from benchmarks.running.models import Label
from trm_agents.common.vec_env import VectorEnvAdapter
from trm_envs.wrappers import OneHotVectorObservation

ENV = "SudokuPlanEdit-4x4-v0"


@pytest.fixture
def puzzles(tmp_path):
    path = tmp_path / "mine.txt"
    grids = pool(ENV, {"blanks": (6, 8)}, "test").instances[:5]
    path.write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    return path


def evaluated(path, puzzles, *more: str) -> int:
    return cli.main(["evaluate", str(path), "--env", ENV, "--puzzles", str(puzzles), "--json", *more])


def envs(one_hot: bool) -> VecMonitor:
    gym.register_envs(trm_envs)
    vector: Any = gym.make_vec(ENV, num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP, legal_actions="consistent")
    return VecMonitor(VectorEnvAdapter(OneHotVectorObservation(vector) if one_hot else vector))


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("algo", ["hindsight_trm@unroll=1", "stage0", "hindsight_trm-certified"])
def test_a_file_that_names_its_row_is_scored_as_no_other(tmp_path, puzzles, capsys, algo, labelled):
    path, model = tmp_path / "model.zip", METHODS["hindsight_trm"].make(ENV, {}, 0)
    models.save(model, path, Label("hindsight_trm", ENV)) if labelled else model.save(path)
    assert evaluated(path, puzzles, "--algo", algo) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and f"is a model of 'hindsight_trm', not of '{algo}'" in captured.err
    assert evaluated(path, puzzles, "--algo", "hindsight_trm", "--legal-actions", "givens") == 0


@pytest.mark.parametrize("one_hot", [False, True])
def test_a_foreign_model_is_asked_with_the_observations_that_it_reads(tmp_path, puzzles, capsys, one_hot):
    path = tmp_path / "model.zip"
    MaskablePPO("MlpPolicy" if one_hot else "MultiInputPolicy", envs(one_hot), n_steps=8, device="cpu").save(path)
    assert evaluated(path, puzzles) == 2
    assert "name it with --algo" in capsys.readouterr().err
    assert evaluated(path, puzzles, "--algo", "maskable_ppo") == 2
    assert "at which level it was trained: give it with --legal-actions" in capsys.readouterr().err
    for level in ("consistent", "givens"):
        assert evaluated(path, puzzles, "--algo", "maskable_ppo", "--legal-actions", level) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["n"], found["legal_actions"], found["algo"]) == (5, level, "maskable_ppo")


@pytest.mark.parametrize(
    ("algorithm", "algo"),
    [("PPO", "a2c"), ("A2C", "ppo"), ("DQN", "ppo"), ("PPO", "maskable_ppo"), ("PPO", "upi_trm"), ("A2C", "dqn")],
)
def test_a_foreign_model_of_another_algorithm_is_refused(tmp_path, puzzles, capsys, algorithm, algo):
    path = tmp_path / "model.zip"
    getattr(stable_baselines3, algorithm)("MlpPolicy", envs(True), device="cpu").save(path)
    assert evaluated(path, puzzles, "--algo", algo) == 2
    assert f"which --algo {algo} stands for" in capsys.readouterr().err
    assert evaluated(path, puzzles, "--algo", algorithm.lower()) == 0
    assert json.loads(capsys.readouterr().out)["algo"] == algorithm.lower()
    assert evaluated(path, puzzles, "--algo", f"{algorithm.lower()}@gamma=0.5") == 2
    assert "scored with its own settings, not with 'gamma=0.5'" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "labelled"), [("maskable_ppo-consistent", False), ("hindsight_trm", True)])
def test_the_level_of_training_is_the_level_of_scoring(tmp_path, puzzles, capsys, name, labelled):
    path, options = tmp_path / "model.zip", {"legal_actions": "consistent"}
    model = METHODS[name].make(ENV, options, 0)
    models.save(model, path, Label(name, ENV, options)) if labelled else model.save(path)
    assert evaluated(path, puzzles) == 0
    assert json.loads(capsys.readouterr().out)["legal_actions"] == "consistent"


@pytest.mark.parametrize("env", ["Nope-v0", "SudokuPlanEdit-9x9-v7", "nowhere:X-v0", "a b", ""])
def test_an_environment_that_is_not_there_is_named(tmp_path, puzzles, capsys, env):
    path = tmp_path / "model.zip"
    METHODS["ppo"].make(ENV, {}, 0).save(path)
    assert cli.main(["evaluate", str(path), "--env", env, "--puzzles", str(puzzles)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and f"error: there is no environment {env!r}: " in captured.err


LABEL = {"algo": "ppo", "env_id": ENV, "env_kwargs": {}, "cost": None}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x": "y"}, "not a saved model: it has no member 'data'"),
        ({"data": '{"row_name": "ppo"'}, "its member 'data' is no JSON object"),
        ({"data": "[1]"}, "its member 'data' is no JSON object"),
        ({"data": '{"row_name": "ppo"}'}, "is no model of 'ppo' that plays " + ENV),
        ({"data": '{"observation_space": 1, "policy_class": 2}'}, "name it with --algo"),
        ({"benchmark.json": '{"algo": "ppo"}'}, "has a label that is none of ours"),
        ({"benchmark.json": json.dumps({**LABEL, "cost": {"z": 1}})}, "has a label that is none of ours"),
        ({"benchmark.json": json.dumps(LABEL)}, "is no model of 'ppo' that plays " + ENV),
    ],
)
def test_a_zip_that_is_no_model_is_refused_in_words(tmp_path, puzzles, capsys, members, message):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert evaluated(path, puzzles) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and message in captured.err
    assert evaluated(path, puzzles, "--algo", "ppo") == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_model_for_another_size_is_refused_in_words(tmp_path, puzzles, capsys):
    path = tmp_path / "model.zip"
    METHODS["ppo"].make("SudokuPlanEdit-9x9-v0", {}, 0).save(path)
    assert evaluated(path, puzzles) == 2
    assert f"is no model of 'ppo' that plays {ENV}: Observation spaces do not match" in capsys.readouterr().err
