"""unroll="auto": steps stop where the certified remaining error is below the tolerance."""

import json
from math import isnan

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback

from baselines import METHODS, agent_of
from benchmarks import cli
from benchmarks.protocol.suites import pool
from benchmarks.running import models
from benchmarks.running.models import Label
from trm_agents import UPITRM
from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.upi_trm.dials import AUTO_DEPTH
from trm_agents.upi_trm.policies import MlpPolicy, TRMPolicy
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem

CERTIFIED = {"contraction": "certified", "lipschitz": 0.7}
ROUNDING = 1e-5
"""Of values read from float32 latents."""


def states_of_puzzles(count=12):
    mdp, source = sudoku_problem(4)
    rng = np.random.default_rng(0)
    return mdp, mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))


def setting(kind, **kwargs):
    torch.manual_seed(2)
    mdp, states = states_of_puzzles()
    if kind is MlpPolicy:
        made = kind(spaces.Box(-1, 1, (5,)), spaces.Discrete(3), lambda _: 1e-3, width=8, **kwargs)
        seen, phi = torch.randn(12, 5), torch.zeros(12)
    else:
        made = kind(observation_space(mdp), spaces.Discrete(mdp.n_actions), lambda _: 1e-3, mdp=mdp, width=8, **kwargs)
        seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
        phi = torch.as_tensor(mdp.check(states).score, dtype=torch.float32)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made, seen, phi


@pytest.mark.parametrize("tolerance", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("kind", [TRMPolicy, RepairPolicy, MlpPolicy])
def test_values_are_within_the_tolerance_of_any_greater_depth(kind, tolerance):
    policy, seen, phi = setting(kind, **CERTIFIED)
    with torch.no_grad():
        deep = policy.values_by_depth(seen, phi, 80)
        policy.set_unroll("auto", tolerance)
        auto = policy.values(seen, phi)
        assert policy.mean_depth < 60
        for n in range(int(policy.mean_depth) + 20, 80):
            assert ((auto - deep[n]).abs() <= tolerance + ROUNDING).all()


def test_a_smaller_tolerance_takes_more_steps_and_states_differ():
    policy, seen, phi = setting(TRMPolicy, **CERTIFIED)
    depths = []
    for tolerance in (3.0, 0.3, 0.03):
        policy.set_unroll("auto", tolerance)
        assert isnan(policy.mean_depth)
        with torch.no_grad():
            policy.values(seen, phi)
        depths.append(policy.mean_depth)
    assert depths == sorted(set(depths))
    # Each state takes its own number of steps.
    one_by_one = []
    for row in range(12):
        policy.set_unroll("auto", 0.3)
        with torch.no_grad():
            policy.values({key: value[row : row + 1] for key, value in seen.items()}, phi[row : row + 1])
        one_by_one.append(policy.mean_depth)
    assert np.mean(one_by_one) == pytest.approx(depths[1])


def test_a_tolerance_below_rounding_still_ends():
    policy, seen, phi = setting(TRMPolicy, **CERTIFIED)
    policy.set_unroll("auto", 1e-30)
    with torch.no_grad():
        policy.values(seen, phi)
    assert 50 < policy.mean_depth < 1000


def test_passes_with_gradient_or_a_given_depth_take_it():
    policy, seen, _ = setting(TRMPolicy, unroll=3, **CERTIFIED)
    policy.set_unroll("auto", 1e-3)
    assert len(policy.network.run(seen).latents) == 3
    with torch.no_grad():
        assert len(policy.network.run(seen, unroll=5).latents) == 5
    assert isnan(policy.mean_depth)


@pytest.mark.parametrize("kwargs", [{}, {"contraction": "clamp"}, {"contraction": "certified", "lipschitz": 1.0}])
def test_what_is_no_certified_contraction_is_refused(kwargs):
    policy, _, _ = setting(TRMPolicy, **kwargs)
    with pytest.raises(ValueError, match="needs contraction='certified' and lipschitz < 1"):
        policy.set_unroll("auto")
    for unroll, tolerance, message in ((0, 0.1, "unroll"), ("auto", 0.0, "tolerance")):
        with pytest.raises(ValueError, match=message):
            policy.set_unroll(unroll, tolerance)


def model_of(**kwargs):
    return UPITRM("TRMPolicy", "trm_envs:SudokuPlanEdit-4x4-v0", n_steps=16, seed=0, device="cpu", **kwargs)


@pytest.mark.parametrize("kwargs", [{}, {"target": "hindsight"}, {"conservative": "exact", "mixture_capacity": 2}])
def test_predictions_use_it_and_learning_goes_back(kwargs):
    model = model_of(unroll=2, **CERTIFIED, **kwargs).learn(16)
    model.policy.set_unroll("auto", 0.05)
    model.predict(model.env.reset(), deterministic=True)
    assert model.policy.mean_depth >= 1
    model.learn(16)
    assert isnan(model.policy.mean_depth) and model.policy.network.unroll == 2


def observed(model):
    """Some observations, their potential and their values, (B,)."""
    mdp, states = states_of_puzzles()
    seen = {key: torch.as_tensor(value) for key, value in observe(states).items()}
    phi = torch.as_tensor(mdp.check(states).score, dtype=torch.float32)
    with torch.no_grad():
        return seen, phi, model.policy.values(seen, phi)


@pytest.mark.parametrize("kwargs", [{}, {"target": "hindsight"}, {"conservative": "exact", "mixture_capacity": 2}])
def test_as_a_keyword_it_is_there_before_and_after_learning_and_in_what_is_saved(kwargs, tmp_path):
    depths = []

    class Watch(BaseCallback):
        def _on_step(self):
            depths.append([(module.unroll, module.stop_below) for module in self.model.policy._networks()])
            return True

    model = model_of(unroll="auto", **CERTIFIED, **kwargs)
    observed(model)
    assert model.policy.mean_depth >= 1
    model.learn(32, callback=Watch())
    # Whatever learning is made of takes one fixed depth.
    assert {pair for step in depths for pair in step} == {(AUTO_DEPTH, None)}
    seen, phi, auto = observed(model)
    assert model.policy.mean_depth >= 1
    with torch.no_grad():
        deep = model.policy.values_by_depth(seen, phi, 100)[-1]
    # The tolerance is kept under the weights as they are now, not as they were at the start.
    assert ((auto - deep).abs() <= 0.01 + ROUNDING).all()
    model.save(tmp_path / "model")
    loaded = UPITRM.load(tmp_path / "model", device="cpu")
    assert loaded.unroll == "auto" and torch.equal(observed(loaded)[2], auto)
    assert loaded.policy.mean_depth == model.policy.mean_depth


def test_a_saved_auto_goes_on_learning_as_if_nothing_had_happened(tmp_path):
    through = model_of(unroll="auto", **CERTIFIED).learn(48)
    first = model_of(unroll="auto", **CERTIFIED).learn(16)
    first.save(tmp_path / "model")
    resumed = UPITRM.load(tmp_path / "model", env=first.env, device="cpu", force_reset=False)
    resumed.learn(32, reset_num_timesteps=False)
    for name, value in resumed.policy.state_dict().items():
        assert torch.equal(value, through.policy.state_dict()[name]), name


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "needs contraction='certified'"),
        ({"contraction": "clamp"}, "needs contraction='certified'"),
        ({"contraction": "certified", "lipschitz": 1.0}, "lipschitz < 1"),
        ({"unroll": "deep", **CERTIFIED}, "unroll must be at least 1 or 'auto'"),
        ({"min_unroll": AUTO_DEPTH + 1, **CERTIFIED}, "min_unroll"),
    ],
)
def test_where_the_keyword_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        model_of(**{"unroll": "auto", **kwargs})


def test_an_evaluated_agent_tells_its_mean_depth_and_leaves_the_model_as_it_was():
    mdp, states = states_of_puzzles()
    model = model_of(unroll=2, target="hindsight", **CERTIFIED)
    torch.nn.init.normal_(model.policy.averaged.weight)
    agent = agent_of("upi_trm-certified", model, mdp, np.random.default_rng(0), unroll="auto", tolerance=1e-3)
    assert isnan(agent.mean_depth)
    for _ in range(3):
        agent.act(states)
    assert agent.mean_depth > 2
    assert isnan(model.policy.mean_depth) and model.policy.averaged.stop_below is None
    fixed = agent_of("upi_trm-certified", model, mdp, np.random.default_rng(0), unroll=5)
    fixed.act(states)
    assert fixed.mean_depth == 5.0
    with pytest.raises(ValueError, match="needs contraction='certified'"):
        agent_of("upi_trm", model_of(), mdp, np.random.default_rng(0), unroll="auto").act(states)
    assert "upi_trm-certified" in METHODS


def test_evaluate_reports_success_and_mean_depth(tmp_path, capsys):
    env = "SudokuPlanEdit-4x4-v0"
    saved = tmp_path / "model.zip"
    certified = model_of(unroll=2, target="hindsight", **CERTIFIED)
    torch.nn.init.normal_(certified.policy.averaged.weight)
    models.save(certified, saved, Label("upi_trm-certified", env, {}))
    grids = pool(env, {"blanks": (1, 4)}, "validation").instances[:8]
    (tmp_path / "puzzles.txt").write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    words = ["evaluate", str(saved), "--env", env, "--puzzles", str(tmp_path / "puzzles.txt"), "--unroll", "auto"]
    depths = []
    for tolerance in ("0.1", "0.001"):
        assert cli.main([*words, "--tolerance", tolerance, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["n"], found["unroll"], found["tolerance"]) == (8, "auto", float(tolerance))
        depths.append(found["mean_depth"])
    assert 1 <= depths[0] < depths[1]
    assert cli.main([*words, "--search", "5"]) == 2
    assert "leave out --search" in capsys.readouterr().err
    assert cli.main(words) == 0
    assert "inner steps a state" in capsys.readouterr().out
