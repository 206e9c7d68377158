"""The zoo of trained agents: what is shipped, how it is loaded, how an entry is made."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import bench_fakes
import gymnasium as gym
import numpy as np
import pytest
import torch

import baselines
import trm_envs
from benchmarks import cli
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.provenance import Provenance, pool_hash
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import pool, suite
from benchmarks.reporting.readme import fill
from benchmarks.running import models
from benchmarks.running import zoo_entry as entries
from benchmarks.running.models import Label
from trm_agents import UPITRM, zoo
from trm_envs.plan_edit.spaces import observe

ROOT = Path(__file__).parents[2]
NAME = "upi-trm-sudoku-4x4"
ENV = "SudokuPlanEdit-4x4-v0"
BLANKS = {"blanks": [6, 8], "legal_actions": "givens"}
CLEAN = Provenance("c0ffee", False, "a processor", "python 3")


@pytest.fixture(scope="module", params=["distill", "exact"])
def trained(request, tmp_path_factory) -> Path:
    """A briefly trained model in what looks like the folder of a run."""
    gym.register_envs(trm_envs)
    env = gym.make_vec(ENV, num_envs=4, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP, blanks=(6, 8))
    model = UPITRM("TRMPolicy", env, n_steps=16, n_epochs=2, conservative=request.param, mixture_capacity=3, seed=7)
    model.learn(256)
    run = tmp_path_factory.mktemp(request.param)
    (run / "run.json").write_text(json.dumps({"commit": "beef", "dirty": False, "cells": []}))
    path = run / "cells" / "sudoku-4x4-hard" / "upi_trm-seed7-steps256" / "model.zip"
    models.save(model, path, Label("upi_trm", ENV, {"generate": True}))
    return path


@pytest.fixture
def clean(monkeypatch):
    monkeypatch.setattr(entries, "provenance", lambda: CLEAN)


def states(n: int = 50):
    """States of several puzzles, some way into their episodes."""
    mdp, instances = pool(ENV, BLANKS, "test")
    now, rng = mdp.initial(instances[:n]), np.random.default_rng(0)
    for _ in range(3):
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in mdp.action_mask(now)])
        now = mdp.transition(now, actions).successors
    return now


@pytest.mark.parametrize("name", zoo.names())
def test_every_agent_is_what_its_card_says(name):
    card, file = zoo.card(name), zoo.path(name)
    content = file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.sha256
    assert len(content) <= zoo.MAX_BYTES
    assert (card.name, card.licence) == (name, "MIT")
    assert "+" not in card.measured_commit + card.trained_commit, "made from uncommitted code"
    assert card.success == card.solved / card.n
    assert card.interval == pytest.approx(wilson_interval(card.solved, card.n)[1:3])
    row = suite(card.suite)
    assert row.env_id == card.env_id
    assert card.pool_sha256 == pool_hash(pool(row.env_id, row.env_kwargs, "test").instances)
    label = models.label_of(file)
    assert label is not None
    assert (label.algo, label.env_id, label.env_kwargs) == (card.algo, card.env_id, card.env_kwargs)


@pytest.mark.parametrize("name", zoo.names())
def test_every_agent_solves_what_its_card_says(name):
    card = zoo.card(name)
    mdp, instances = pool(card.env_id, card.env_kwargs, "test")
    model = zoo.load(name, device="cpu")
    agent = baselines.agent_of(card.algo, model, mdp, np.random.default_rng(0))
    n = min(64, card.n) if mdp.task.n_cells <= 81 else 4
    solved = entries.evaluate(agent, mdp, instances[:n]).n_solved
    # The part that was drawn is what the whole makes likely.
    assert abs(solved / n - card.success) <= 5 * max(0.02, (card.success * (1 - card.success) / n) ** 0.5)


def test_load_predicts_and_learns_on_and_leaves_generators_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    env = gym.make("trm_envs:" + ENV, split="test")
    model = zoo.load(NAME, env, "cpu")
    # Building a network draws its first weights; nothing is seeded anew.
    assert model.seed is None
    assert np.random.rand() == expected[1]
    observation, info = env.reset(seed=0)
    done = False
    while not done:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, done, _, info = env.step(action)
    assert info["is_success"]
    before = model.num_timesteps
    assert before == zoo.card(NAME).env_steps
    model.learn(2 * model.n_steps, reset_num_timesteps=False)
    assert model.num_timesteps == before + 2 * model.n_steps


def test_a_wrong_environment_is_refused():
    with pytest.raises(ValueError, match="spaces do not match"):
        zoo.load(NAME, gym.make("trm_envs:SudokuPlanEdit-9x9-v0"))


def test_an_unknown_name_lists_the_names(capsys):
    for ask in (zoo.card, zoo.path, zoo.load):
        with pytest.raises(ValueError, match=f"unknown agent 'nobody'.*{NAME}"):
            ask("nobody")
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "zoo:nobody", "--env", ENV, "--puzzles", "x.txt"])
    assert NAME in capsys.readouterr().err


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    for suffix in (".zip", ".json"):
        (tmp_path / f"{NAME}{suffix}").write_bytes((zoo.AGENTS / f"{NAME}{suffix}").read_bytes())
    monkeypatch.setattr(zoo, "AGENTS", tmp_path)
    assert zoo.path(NAME).parent == tmp_path
    (tmp_path / f"{NAME}.zip").write_bytes(b"other")
    with pytest.raises(ValueError, match="install the package again"):
        zoo.load(NAME)
    (tmp_path / f"{NAME}.json").write_text('{"schema": "agent-card/0"}')
    with pytest.raises(ValueError, match="has schema 'agent-card/0'"):
        zoo.card(NAME)


def test_a_slim_file_acts_as_the_full_one_and_carries_no_training(trained, tmp_path):
    slim = tmp_path / "slim.zip"
    slim.write_bytes(zoo.slim(trained))
    assert zoo.slim(trained) == slim.read_bytes()
    full = UPITRM.load(trained, device="cpu")
    light = UPITRM.load(slim, env=gym.make("trm_envs:" + ENV, blanks=(6, 8)), device="cpu")
    observation, _ = full.policy.obs_to_tensor(observe(states()))
    with torch.no_grad():
        expected, _ = full.policy.action_probabilities(observation)
        found, _ = light.policy.action_probabilities(observation)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert expected.amax(1).std() > 0
    with zipfile.ZipFile(slim) as archive:
        data = json.loads(archive.read("data"))
    pickled = {key for key, value in data.items() if isinstance(value, dict) and ":serialized:" in value}
    assert pickled <= {"policy_class", "observation_space", "action_space", "learning_rate", "policy_kwargs"}
    assert light.policy.optimizer.state_dict()["state"] == {}
    assert full.policy.optimizer.state_dict()["state"] != {}


def test_only_upi_trm_can_be_slim(tmp_path):
    import stable_baselines3

    stable_baselines3.A2C("MlpPolicy", "CartPole-v1", device="cpu").save(tmp_path / "a2c.zip")
    with pytest.raises(ValueError, match=r"a2c\.zip is not a saved UPITRM"):
        zoo.slim(tmp_path / "a2c.zip")


def test_add_measures_and_describes(trained, tmp_path, clean, capsys):
    assert cli.main(["zoo", "add", str(trained), "mine", "--to", str(tmp_path), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card == json.loads((tmp_path / "mine.json").read_text())
    content = (tmp_path / "mine.zip").read_bytes()
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    facts = {key: card[key] for key in ("algo", "suite", "env_id", "seed", "env_steps", "trained_with")}
    assert facts == {
        "algo": "upi_trm",
        "suite": "sudoku-4x4-hard",
        "env_id": ENV,
        "seed": 7,
        "env_steps": 256,
        "trained_with": {"generate": True},
    }
    assert (card["trained_commit"], card["measured_commit"]) == ("beef", "c0ffee")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.json", "mine.zip"]
    row = suite("sudoku-4x4-hard")
    model = baselines.load("upi_trm", str(trained), ENV, row.env_kwargs)
    test = pool(row.env_id, row.env_kwargs, "test")
    agent = baselines.agent_of("upi_trm", model, test.mdp, np.random.default_rng(0))
    assert card["solved"] == entries.evaluate(agent, *test).n_solved
    assert card["n"] == len(test.instances)


def test_add_carries_over_to_other_puzzles_and_other_settings(tmp_path, clean, monkeypatch, capsys):
    monkeypatch.setattr(entries, "evaluate", lambda agent, mdp, instances: evaluate(agent, mdp, instances[:2]))
    model = baselines.make("upi_trm", "MazePlanEdit-5x5-v0", {}, 0)
    model.num_timesteps = 77
    path = tmp_path / "model.zip"
    models.save(model, path, Label("upi_trm", "MazePlanEdit-5x5-v0", {"retry": 0.3}))
    words = [
        "zoo",
        "add",
        str(path),
        "mine",
        "--to",
        str(tmp_path),
        "--commit",
        "beef",
        "--suite",
        "maze-9x9",
        "--json",
    ]
    assert cli.main([*words, "--settings", "upi_trm@policy_kwargs.restarts=3@unroll=9"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["algo"], card["env_id"], card["env_steps"]) == ("upi_trm", "MazePlanEdit-9x9-v0", 77)
    assert card["trained_with"] == {"retry": 0.3}
    row = suite("maze-9x9")
    agent = baselines.load("upi_trm", str(tmp_path / "mine.zip"), row.env_id, row.env_kwargs)
    assert (agent.policy.restarts, agent.policy.network.unroll, agent.num_timesteps) == (3, 9, 77)
    for own, weight in zip(model.policy.parameters(), agent.policy.parameters(), strict=True):
        assert torch.equal(own, weight)
    assert cli.main([*words, "--settings", "chess"]) == 2
    assert "unknown method 'chess'" in capsys.readouterr().err


def test_add_refuses(trained, tmp_path, clean, monkeypatch, capsys):
    words = ["zoo", "add", str(trained), "mine", "--to", str(tmp_path / "to")]
    lost = tmp_path / "lost.zip"
    lost.write_bytes(trained.read_bytes())
    elsewhere = ["zoo", "add", str(lost), "mine", "--to", str(tmp_path / "to")]
    monkeypatch.setattr(entries, "evaluate", lambda *_: pytest.fail("measured what is refused"))

    def refused(*arguments: str) -> str:
        assert cli.main(list(arguments)) == 2
        return capsys.readouterr().err

    for given in ([], ["--suite", "sudoku-4x4-hard"], ["--commit", "c0ffee"]):
        assert "say with --suite what it is measured on and with --commit" in refused(*elsewhere, *given)
    assert "unknown suite 'x'" in refused(*words, "--suite", "x")
    monkeypatch.setattr(zoo, "MAX_BYTES", 1000)
    assert "more than the 1,000" in refused(*words)
    monkeypatch.setattr(entries, "provenance", lambda: CLEAN._replace(dirty=True))
    assert "--allow-dirty" in refused(*words)
    assert not (tmp_path / "to").exists()
    with pytest.raises(SystemExit):
        cli.main(["zoo", "add", str(trained), "../mine"])


def test_a_dirty_entry_says_so(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "provenance", lambda: CLEAN._replace(dirty=True))
    fakes = entries.make_entry(entries.source_of(trained), "mine", baselines, tmp_path, allow_dirty=True)  # type: ignore
    assert fakes.measured_commit == "c0ffee+"


def test_the_page_shows_every_agent():
    text = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert fill(text) == text, "run: python -m benchmarks readme --file docs/zoo.md"
    assert all(name in text for name in zoo.names())


def test_evaluate_takes_a_zoo_name(tmp_path, capsys):
    grids = pool(ENV, BLANKS, "test").instances[:20]
    (tmp_path / "mine.txt").write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    words = ["evaluate", "zoo:" + NAME, "--env", ENV, "--puzzles", str(tmp_path / "mine.txt"), "--json"]
    assert cli.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["algo"], found["solved"]) == (20, zoo.card(NAME).algo, 20)


def test_agents_load_where_nothing_else_is(tmp_path):
    """From an empty folder, with no package of the repository but the two that are installed."""
    for package in ("trm_envs", "trm_agents"):
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / package).symlink_to(ROOT / package)
    code = (
        "from trm_agents import zoo; model = zoo.load('upi-trm-sudoku-4x4'); "
        "print(model.predict(model.env.reset(), deterministic=True)[0].shape)"
    )
    (tmp_path / "empty").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "empty",
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(1,)"), done.stderr


def test_fake_contestants_take_located_files(tmp_path):
    path = tmp_path / "model.zip"
    models.save(bench_fakes.FakeModel("mine", 0), path, Label("mine", ENV, BLANKS))
    assert models.located(str(path)) == path
    assert models.trained(path, bench_fakes) == ("mine", BLANKS)
    assert models.trained(path, bench_fakes, "ppo")[0] == "ppo"
