"""`benchmarks zoo add`: a trained model is made slim, measured and described; agents stand where models do."""

import dataclasses
import hashlib
import json
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
from benchmarks.protocol.provenance import Provenance
from benchmarks.protocol.suites import pool, suite
from benchmarks.running import models
from benchmarks.running import zoo_entry as entries
from benchmarks.running.models import Label
from trm_agents import UPITRM, Attempts, BestFirst, Distilled, Exact, HindsightTRM, Starts, Survival, zoo
from trm_agents.zoo.algorithms import loaded
from trm_agents.zoo.cards import read_card

NAME = "upi-trm-sudoku-4x4"
ENV = "SudokuPlanEdit-4x4-v0"
BLANKS = {"blanks": [6, 8], "legal_actions": "givens"}
CLEAN = Provenance("c0ffee", False, "a processor", "python 3")


def in_a_run(model, algo: str, folder: Path) -> Path:
    """The model in what looks like the folder of a run."""
    (folder / "run.json").write_text(json.dumps({"commit": "beef", "dirty": False, "cells": []}))
    path = folder / "cells" / "sudoku-4x4-hard" / f"{algo}-seed7-steps256" / "model.zip"
    models.save(model, path, Label(algo, ENV, {"generate": True}))
    return path


def vector_env():
    gym.register_envs(trm_envs)
    return gym.make_vec(ENV, num_envs=4, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP, blanks=(6, 8))


@pytest.fixture(scope="module", params=[Distilled(0.5), Exact(0.3, 3)], ids=["distilled", "exact"])
def trained(request, tmp_path_factory) -> Path:
    """A briefly trained UPITRM."""
    model = UPITRM("TRMPolicy", vector_env(), n_steps=16, n_epochs=2, mixture=request.param, seed=7).learn(256)
    return in_a_run(model, "upi_trm", tmp_path_factory.mktemp("run"))


@pytest.fixture
def clean(monkeypatch):
    monkeypatch.setattr(entries, "provenance", lambda: CLEAN)


def test_add_measures_and_describes(trained, tmp_path, clean, capsys):
    assert cli.main(["zoo", "add", str(trained), "mine", "--to", str(tmp_path), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    written = read_card(tmp_path / "mine.json")
    assert card == json.loads(json.dumps(dataclasses.asdict(written)))
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
    method, test = baselines.METHODS["upi_trm"], pool(row.env_id, row.env_kwargs, "test")
    model = method.load(str(trained), ENV, row.env_kwargs)
    result = evaluate(method.agent(model, test.mdp, np.random.default_rng(0)), *test)
    assert (card["policy"]["solved"], card["policy"]["edits"]) == (result.n_solved, result.mean_edits)
    assert (card["n"], card["solver"], card["attempts"]) == (len(test.instances), None, {})


def test_add_measures_with_attempts_too_where_they_are_asked_for(tmp_path, clean, monkeypatch, capsys):
    model = HindsightTRM("TokenPolicy", vector_env(), n_steps=16, min_buffer_size=1, seed=7).learn(256)
    path = in_a_run(model, "hindsight_trm", tmp_path)
    whole = entries.scored_pool
    monkeypatch.setattr(
        entries, "scored_pool", lambda *given: whole(*given)._replace(instances=whole(*given).instances[:9])
    )
    assert cli.main(["zoo", "add", str(path), "mine", "--to", str(tmp_path / "to"), "--attempts", "3"]) == 0
    card = read_card(tmp_path / "to" / "mine.json")
    test = pool(ENV, suite("sudoku-4x4-hard").env_kwargs, "test")
    loaded = HindsightTRM.load(tmp_path / "to" / "mine.zip", env=vector_env(), device="cpu")
    found = Attempts(loaded, 3, mdp=test.mdp).solve(test.instances[:9])
    assert card.solver is not None and card.attempts == {"attempts": 3} and card.n == 9
    assert card.solver.line == "attempts=3" and card.solver.solved == found.solved.sum()
    means = [card.solver.edits, card.solver.network_calls, card.solver.inner_steps, card.solver.checks]
    assert means == pytest.approx([part.mean() for part in (found.edits, found.calls, found.inner_steps, found.checks)])
    assert "attempts=3" in capsys.readouterr().out


def test_an_agent_of_survival_is_measured_with_a_search_and_loaded_as_what_it_is(tmp_path, clean, monkeypatch):
    model = UPITRM("EditPolicy", vector_env(), n_steps=16, target=Survival(), seed=7).learn(64)
    path = in_a_run(model, "upi_trm-survival", tmp_path)
    whole = entries.scored_pool
    monkeypatch.setattr(
        entries, "scored_pool", lambda *given: whole(*given)._replace(instances=whole(*given).instances[:9])
    )
    assert cli.main(["zoo", "add", str(path), "mine", "--to", str(tmp_path / "to"), "--search", "5"]) == 0
    card = read_card(tmp_path / "to" / "mine.json")
    monkeypatch.setattr(zoo, "AGENTS", tmp_path / "to")
    loaded = zoo.load("mine")
    assert isinstance(loaded, UPITRM)
    test = pool(ENV, suite("sudoku-4x4-hard").env_kwargs, "test")
    found = BestFirst(loaded, 5, mdp=test.mdp).solve(test.instances[:9])
    assert card.solver is not None and card.attempts == {}
    assert (card.solver.line, card.solver.solved) == ("search=5", found.solved.sum())
    assert card.solver.network_calls == pytest.approx(found.calls.mean())


def test_add_carries_over_to_other_puzzles_and_other_settings(tmp_path, clean, monkeypatch, capsys):
    monkeypatch.setattr(entries.scoring, "evaluate", lambda agent, mdp, instances: evaluate(agent, mdp, instances[:2]))
    model = baselines.METHODS["hindsight_trm"].make("MazePlanEdit-5x5-v0", {}, 0)
    model.num_timesteps = 77
    path = tmp_path / "model.zip"
    models.save(model, path, Label("hindsight_trm", "MazePlanEdit-5x5-v0", {"retry": 0.3}))
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
    assert cli.main([*words, "--settings", "hindsight_trm@carry_unroll=3@unroll=9"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["algo"], card["env_id"], card["env_steps"]) == ("hindsight_trm", "MazePlanEdit-9x9-v0", 77)
    assert card["trained_with"] == {"retry": 0.3}
    row = suite("maze-9x9")
    agent = baselines.METHODS["hindsight_trm"].load(str(tmp_path / "mine.zip"), row.env_id, row.env_kwargs)
    assert (agent.policy.carry_unroll, agent.policy.unroll, agent.num_timesteps) == (3, 9, 77)
    for own, weight in zip(model.policy.parameters(), agent.policy.parameters(), strict=True):
        assert torch.equal(own, weight)
    assert cli.main([*words, "--settings", "chess"]) == 2
    assert "unknown method 'chess'" in capsys.readouterr().err


def test_add_refuses(trained, tmp_path, clean, monkeypatch, capsys):
    words = ["zoo", "add", str(trained), "mine", "--to", str(tmp_path / "to")]
    lost = tmp_path / "lost.zip"
    lost.write_bytes(trained.read_bytes())
    elsewhere = ["zoo", "add", str(lost), "mine", "--to", str(tmp_path / "to")]
    monkeypatch.setattr(entries.scoring, "evaluate", lambda *_: pytest.fail("measured what is refused"))

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
    card = entries.make_entry(entries.source_of(trained), "mine", baselines, tmp_path, allow_dirty=True)  # type: ignore
    assert card.measured_commit == "c0ffee+"


def test_evaluate_takes_a_zoo_name(tmp_path, capsys):
    grids = pool(ENV, BLANKS, "test").instances[:20]
    (tmp_path / "mine.txt").write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    words = ["evaluate", "zoo:" + NAME, "--env", ENV, "--puzzles", str(tmp_path / "mine.txt"), "--json"]
    assert cli.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["algo"], found["solved"]) == (20, zoo.card(NAME).algo, 20)
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "zoo:nobody", "--env", ENV, "--puzzles", "x.txt"])
    assert NAME in capsys.readouterr().err


def test_fake_contestants_take_located_files(tmp_path):
    path = tmp_path / "model.zip"
    models.save(bench_fakes.FakeModel("mine", 0), path, Label("mine", ENV, BLANKS))
    assert models.located(str(path)) == path
    assert models.trained(path, bench_fakes)[0].name == "mine" and models.trained(path, bench_fakes)[1] == BLANKS
    assert models.trained(path, bench_fakes, "mine")[0].name == "mine"


def test_an_agent_is_added_again_with_other_settings(tmp_path, clean, capsys):
    """Its card says what the slim file no longer does, and its weights stay."""
    words = ["zoo", "add", f"zoo:{NAME}", NAME, "--to", str(tmp_path), "--json"]
    assert cli.main([*words, "--settings", "hindsight_trm@starts.most=3@starts.unroll=8"]) == 0
    found, before = json.loads(capsys.readouterr().out), zoo.card(NAME)
    for name in ("algo", "suite", "trained_commit", *entries.COUNTED):
        assert found[name] == json.loads(json.dumps(getattr(before, name))), name
    assert found["sha256"] != before.sha256 and found["measured_commit"] == "c0ffee"
    mine, shipped = loaded(tmp_path / f"{NAME}.zip", gym.make(ENV, **before.env_kwargs)), zoo.load(NAME)
    assert (mine.policy.starts, shipped.policy.starts) == (Starts(3, 8), None)
    for name, value in shipped.policy.state_dict().items():
        assert torch.equal(mine.policy.state_dict()[name], value)
