"""The zoo of trained agents: what is shipped, how it is loaded, cards, slim files."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from agent_helpers import agent, hindsight_trm, sudoku, tensors
from policy_helpers import PAIRS, SMALL, steep

import baselines
from baselines.agents import ModelAgent
from benchmarks.protocol.control import ControlPool, evaluate_plans
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import pool, scored_pool, suite
from benchmarks.running import models
from trm_agents import UPITRM, Attempts, BestFirst, Guesses, HindsightTRM, Restarts, zoo
from trm_agents.commands import spending
from trm_agents.recursive_policies import masks_for
from trm_agents.replay import episode as replay
from trm_agents.zoo import Card, Score
from trm_agents.zoo.algorithms import loaded
from trm_agents.zoo.cards import SCHEMA, ControlCard, read_card
from trm_envs.plan_edit.spaces import observe

ROOT = Path(__file__).parents[2]
NAME = "upi-trm-sudoku-4x4"
ENV = "SudokuPlanEdit-4x4-v0"
WALK = "MazeWalk-5x5-v0"


def states(n: int = 50):
    """States of several puzzles, some way into their episodes."""
    mdp, instances = pool(ENV, {"blanks": [6, 8], "legal_actions": "givens"}, "test")
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
    assert (card.name, card.licence, card.schema) == (
        name,
        "MIT",
        ControlCard.schema if isinstance(card, ControlCard) else SCHEMA,
    )
    assert "+" not in card.trained_commit, "trained by uncommitted code"
    for score in filter(None, (card.policy, card.solver)):
        assert score.success == score.solved / card.n
        assert score.interval == pytest.approx(wilson_interval(score.solved, card.n)[1:3])
        assert score.inner_steps >= score.network_calls > 0.0
    row = suite(card.suite)
    assert row.env_id == card.env_id
    assert card.pool_sha256 == pool_hash(scored_pool(row.env_id, row.env_kwargs, "test").instances)
    label = models.label_of(file)
    assert label is not None
    assert (label.algo, label.env_id, label.env_kwargs) == (card.algo, card.env_id, card.env_kwargs)
    assert card.algo in baselines.METHODS


@pytest.mark.parametrize("name", zoo.names())
def test_every_agent_was_measured_by_committed_code(name):
    assert "+" not in zoo.card(name).measured_commit


@pytest.mark.parametrize("name", zoo.names())
def test_a_policy_makes_one_pass_an_edit_or_has_starts_and_a_solver_is_what_its_line_says(name):
    card = zoo.card(name)
    assert card.policy.line == "policy" and card.policy.checks == 0.0
    one_pass_an_edit = card.policy.network_calls == pytest.approx(card.policy.edits)
    assert one_pass_an_edit == (getattr(zoo.load(name, device="cpu").policy, "starts", None) is None)
    made_attempts = card.solver is not None and card.solver.line.startswith("attempts=")
    assert made_attempts == (card.attempts != {})
    assert card.best == (card.policy if card.solver is None else card.solver)
    if card.solver is not None:
        kind, budget = card.solver.line.split("=")
        assert int(budget) == card.attempts["attempts"] if kind == "attempts" else kind == "search"
        assert card.solver.solved >= card.policy.solved and card.solver.checks > 0.0


@pytest.mark.parametrize("name", zoo.names())
def test_every_agent_solves_what_its_card_says(name):
    card = zoo.card(name)
    test, model = scored_pool(card.env_id, card.env_kwargs, "test"), zoo.load(name, device="cpu")
    if isinstance(test, ControlPool):
        planner = baselines.METHODS[card.algo].planner(model, test.mdp)
        found = evaluate_plans(planner, test.chosen(np.arange(16)))
        assert found.solved.sum() >= 14 and found.feasible.all() and found.reached.all()
        return
    mdp, instances = test
    n = min(64, card.n) if mdp.task.n_cells <= 81 else 4
    player = baselines.METHODS[card.algo].agent(model, mdp, np.random.default_rng(0))
    solved = {card.policy: evaluate(player, mdp, instances[:n]).n_solved}
    if card.solver is not None:
        kind, budget = card.solver.line.split("=")
        searching = kind == "search"
        solver = BestFirst(model, int(budget), mdp=mdp) if searching else Attempts(model, mdp=mdp, **zoo.attempts(name))
        found = solver.solve(instances[: n // 4])
        solved[card.solver] = found.solved.sum() * (n // (n // 4))
    for score, count in solved.items():
        # The part that was drawn is what the whole makes likely.
        assert abs(count / n - score.success) <= 5 * max(0.02, (score.success * (1 - score.success) / n) ** 0.5)


def test_load_predicts_and_learns_on_and_leaves_generators_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    env = gym.make("trm_envs:" + ENV, split="test")
    model = zoo.load(NAME, env, "cpu")
    # Building a network draws its first weights; nothing is seeded anew.
    assert isinstance(model, HindsightTRM) and model.seed is None
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


def test_an_unknown_name_lists_the_names():
    for ask in (zoo.card, zoo.path, zoo.load, zoo.attempts):
        with pytest.raises(ValueError, match=f"unknown agent 'nobody'.*{NAME}"):
            ask("nobody")


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    for suffix in (".zip", ".json"):
        (tmp_path / f"{NAME}{suffix}").write_bytes((zoo.AGENTS / f"{NAME}{suffix}").read_bytes())
    monkeypatch.setattr(zoo, "AGENTS", tmp_path)
    assert zoo.path(NAME).parent == tmp_path
    (tmp_path / f"{NAME}.zip").write_bytes(b"other")
    with pytest.raises(ValueError, match="install the package again"):
        zoo.load(NAME)
    for schema in ("agent-card/0", "agent-card/1"):
        (tmp_path / f"{NAME}.json").write_text(json.dumps({"schema": schema}))
        with pytest.raises(ValueError, match=f"has schema '{schema}', not 'agent-card/3': add the agent again"):
            zoo.card(NAME)


ALONE = Score("policy", 5, 0.5, (0.2, 0.8), 9.0, 9.0, 36.0, 0.0)
SOLVED = Score("attempts=3", 9, 0.9, (0.6, 0.98), 8.0, 2.0, 24.0, 2.5)


def card_of(**changes) -> Card:
    usual = Card(
        name="mine", algo="hindsight_trm", suite="sudoku-4x4-hard", env_id=ENV, env_kwargs={"blanks": [6, 8]},
        trained_with={"generate": True}, seed=1, env_steps=100, model_queries=7, gradient_steps=3, parameters=99,
        trained_commit="beef", measured_commit="c0ffee", versions="python 3", n=10, policy=ALONE, pool_sha256="ab" * 32,
        sha256="cd" * 32, licence="MIT",
    )  # fmt: skip
    return dataclasses.replace(usual, **changes)


@pytest.mark.parametrize("solver", [None, SOLVED])
def test_a_card_is_read_as_it_was_written(solver, tmp_path):
    attempts = {} if solver is None else {"attempts": 3, "by": {"kind": "guesses", "early_unroll": 4}}
    card = card_of(solver=solver, attempts=attempts)
    (tmp_path / "mine.json").write_text(card.as_json())
    assert read_card(tmp_path / "mine.json") == card
    assert card.best == (solver or ALONE)


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_a_card_with_other_fields_is_refused(change, tmp_path):
    values = json.loads(card_of().as_json())
    if change == "missing":
        del values["seed"]
    else:
        values["solved"] = 5
    (tmp_path / "mine.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"mine\.json .*add the agent again"):
        read_card(tmp_path / "mine.json")


def test_attempts_are_those_of_the_card(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "AGENTS", tmp_path)
    by = {"kind": "guesses", "early_unroll": 4}
    for name, attempts in (("alone", {}), ("solved", {"attempts": 3, "unroll": 9, "by": by})):
        (tmp_path / f"{name}.json").write_text(card_of(name=name, attempts=attempts).as_json())
    assert zoo.names() == ["alone", "solved"]
    assert zoo.attempts("solved") == {"attempts": 3, "unroll": 9, "by": Guesses(4)}
    solver = Attempts(hindsight_trm(), **zoo.attempts("solved"))
    assert (solver.attempts, solver.unroll, solver.by) == (3, 9, Guesses(4)) != (3, 9, Restarts())
    with pytest.raises(ValueError, match=r"'alone' was measured as a policy alone; .*: Attempts\(model, 32\)"):
        zoo.attempts("alone")


@pytest.mark.parametrize("name", ["default", "exact", "hindsight", "hindsight-carried", "hindsight-search"])
def test_a_slim_file_acts_as_the_full_one_and_carries_no_training(name, tmp_path):
    trained = agent(name, seed=7).learn(96)
    trained.save(tmp_path / "full.zip")
    slim = tmp_path / "slim.zip"
    slim.write_bytes(zoo.slim(tmp_path / "full.zip"))
    assert zoo.slim(tmp_path / "full.zip") == slim.read_bytes()
    cls = type(trained)
    full, light = cls.load(tmp_path / "full.zip", device="cpu"), cls.load(slim, env=sudoku(), device="cpu")
    with torch.no_grad():
        expected, found = (one.policy.action_probabilities(tensors(states())) for one in (full, light))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert expected.amax(1).std() > 0
    with zipfile.ZipFile(slim) as archive:
        data = json.loads(archive.read("data"))
    pickled = {key for key, value in data.items() if isinstance(value, dict) and ":serialized:" in value}
    allowed = {"policy_class", "observation_space", "action_space", "learning_rate", "policy_kwargs"}
    assert pickled <= allowed | {"mixture", "search", "target"}
    assert not {"memory", "rollout", "rng", "_env_states", "mdp", "seed"} & set(data)
    assert light.policy.optimizer.state_dict()["state"] == {}
    assert full.policy.optimizer.state_dict()["state"] != {}
    assert light.num_timesteps == 96 and light.learn(32, reset_num_timesteps=False).num_timesteps == 128


def test_settings_of_a_slim_file_are_those_of_the_full_one(tmp_path):
    trained = agent("hindsight-search", train_ratio=0.4, ema_decay=0.9)
    trained.save(tmp_path / "full.zip")
    (tmp_path / "slim.zip").write_bytes(zoo.slim(tmp_path / "full.zip"))
    light = HindsightTRM.load(tmp_path / "slim.zip", env=sudoku(), device="cpu")
    for key in ("train_ratio", "ema_decay", "search", "unroll", "batch_size", "policy_kwargs", "min_buffer_size"):
        assert getattr(light, key) == getattr(trained, key), key


def test_only_our_algorithms_can_be_slim(tmp_path):
    stable_baselines3.A2C("MlpPolicy", "CartPole-v1", device="cpu").save(tmp_path / "a2c.zip")
    with pytest.raises(ValueError, match=r"a2c\.zip is no UPITRM, HindsightTRM or TRC, and no actor-critic"):
        zoo.slim(tmp_path / "a2c.zip")
    UPITRM("MlpPolicy", "CartPole-v1", device="cpu").save(tmp_path / "mlp.zip")
    assert len(zoo.slim(tmp_path / "mlp.zip")) < zoo.MAX_BYTES


@pytest.mark.parametrize("algorithm", ["PPO", "A2C", "TRPO", "REINFORCE", "MaskablePPO"])
def test_actor_critics_with_recursive_policies_are_slim_load_and_play(algorithm, tmp_path):
    kind, policy, keywords = PAIRS[algorithm]
    words = {**SMALL, "mixer": "neighbours", "ema": 0.5}
    env = gym.make(f"trm_envs:{WALK}")
    model = steep(kind(policy, env, seed=3, device="cpu", policy_kwargs=words, **keywords)).learn(32)
    model.save(tmp_path / "full.zip")
    content = zoo.slim(tmp_path / "full.zip")
    (tmp_path / "slim.zip").write_bytes(content)
    assert content == zoo.slim(tmp_path / "full.zip")
    with zipfile.ZipFile(tmp_path / "slim.zip") as archive:
        assert not any(b":serialized:" in archive.read(name) for name in archive.namelist())
        assert not {"_last_obs", "ep_info_buffer", "seed"} & set(json.loads(archive.read("data")))
    mdp, instances = env.unwrapped.mdp, env.unwrapped.source.instances[:40]
    observed = observe(mdp.initial(instances))
    played = {}
    for name in ("full", "slim"):
        one = loaded(tmp_path / f"{name}.zip", env, "cpu")
        assert type(one) is kind and one.num_timesteps == model.num_timesteps and one.gamma == model.gamma
        np.testing.assert_array_equal(*(each.predict(observed, deterministic=True)[0] for each in (one, model)))
        played[name] = spending.policy_alone(one, mdp, instances)
    agent = ModelAgent(one, mdp, np.random.default_rng(0), masks=algorithm == "MaskablePPO")
    found = evaluate(agent, mdp, instances)
    for each in played.values():
        assert (each.solved.sum(), each.edits.mean()) == (found.n_solved, found.mean_edits)
        assert (each.calls == each.edits).all() and (each.inner_steps == SMALL["k_cycles"] * each.edits).all()
    assert one.policy.optimizer.state_dict()["state"] == {}
    assert one.learn(8, reset_num_timesteps=False).num_timesteps > model.num_timesteps


def test_a_masked_walker_bumps_into_no_wall(tmp_path):
    kind, policy, keywords = PAIRS["MaskablePPO"]
    env = gym.make(f"trm_envs:{WALK}")
    mdp, states = env.unwrapped.mdp, env.unwrapped.mdp.initial(env.unwrapped.source.instances[:40])
    model = steep(kind(policy, env, seed=0, device="cpu", policy_kwargs=SMALL, **keywords), scale=5.0)
    bare = model.predict(observe(states), deterministic=True)[0]
    masks = masks_for(model.policy, mdp, states)
    masked = model.predict(observe(states), deterministic=True, **masks)[0]
    assert masks["action_masks"][np.arange(40), masked].all() and not masks["action_masks"][np.arange(40), bare].all()
    assert masks_for(stable_baselines3.PPO("MlpPolicy", "CartPole-v1").policy, mdp, states) == {}
    barred = np.flatnonzero(bare != masked)[0]
    first = replay.play(replay.watched(model, mdp), states.instances[barred]).frames[0].thought
    assert first.action == masked[barred] and first.policy[bare[barred]] == pytest.approx(0.0, abs=1e-6)


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
