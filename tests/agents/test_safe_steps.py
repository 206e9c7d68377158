"""Step sizes chosen by a bound, and whole runs held against exact returns."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import puzzle
from stable_baselines3.common.env_util import make_vec_env

from trm_agents import UPITRM, Distilled, Exact, SafeStep
from trm_agents.survival import Survival
from trm_agents.theory.audit import ImprovementAudit
from trm_agents.upi_trm import conservative
from trm_agents.upi_trm.safe_step import SampledStep

ID = "trm_envs:SudokuPlanEdit-4x4-v0"
PUZZLES = np.stack([puzzle(0, 6), puzzle(3, 9)])
SURELY = 1e-9
"""More than rounding."""
SMALL = {"n_steps": 12, "batch_size": 32, "n_epochs": 4, "seed": 1, "device": "cpu"}


def agent(**kwargs):
    env = make_vec_env(ID, n_envs=8, seed=0, env_kwargs={"puzzles": PUZZLES, "max_edits": 4})
    env.seed(0)
    return UPITRM("TRMPolicy", env, **{**SMALL, **kwargs})


def survivor(**kwargs):
    env = make_vec_env(ID, n_envs=8, seed=0, env_kwargs={"puzzles": PUZZLES, "max_edits": 4})
    env.seed(0)
    return UPITRM("EditPolicy", env, target=Survival(), unroll=4, ema_decay=0.8, **{**SMALL, **kwargs})


def audited(steps, make=agent, **kwargs):
    model = make(**kwargs)
    audit = ImprovementAudit(gym.make(ID, max_edits=4).unwrapped.mdp, PUZZLES)
    model.learn(steps, callback=audit)
    return model, audit


@pytest.mark.parametrize(
    ("alpha", "make"),
    [(SafeStep(), agent), (0.3, agent), (0.3, survivor)],
    ids=["safe", "constant", "survival"],
)
def test_every_bound_holds_at_every_step_of_a_run(alpha, make):
    _, audit = audited(7 * 96, make, mixture=Exact(alpha))
    assert len(audit.steps) == 7
    for step in audit.steps:
        for name in ("published", "clocked", "one_deviation", "two_deviations", "exact", "exact_one"):
            assert step.rise >= getattr(step, name) - 1e-9, name
        # Improvement that is certified is improvement.
        assert step.exact_one <= SURELY or step.rise > 0.0
    assert np.mean([step.exact_one > SURELY for step in audit.steps]) > 0.5
    assert audit.steps[-1].eta > audit.steps[0].eta + 1.0
    assert all(np.isnan(step.estimated) == (alpha == 0.3) for step in audit.steps)


def test_the_audit_follows_the_deployed_mixture_and_sees_what_expires():
    _, audit = audited(2 * 96, mixture=Exact(0.3))
    distance, loss = audit.expiry_error()
    assert distance < 1e-6 and loss < 1e-5
    model, audit = audited(3 * 96, mixture=Exact(0.3, capacity=2))
    distance, loss = audit.expiry_error()
    # Of four snapshots two are left.
    assert 1e-6 < distance <= model.policy.mixture.expiry_bound + 1e-6 < 0.7**2 and loss > 0.0
    assert float(model.policy.mixture.weights.sum()) == pytest.approx(1.0)


def test_hand_computed_sampled_bound():
    step = SampledStep(np.array([0, 1, 1, 0]), 2, np.array([1.0, 3.0, -2.0, 2.0]), 0.5)
    # First edits: mean 1.5 for certain. Second: half of mean 0.5 stays with 1 - alpha, else -2.
    assert step.bound(0.5) == pytest.approx(0.5 * (1.5 + 0.5 * (0.5 * 0.5 + 0.5 * -2.0)))
    assert step.bound(0.0) == 0.0
    alpha, bound = step.best()
    assert bound == step.bound(alpha) > 0.0
    assert step._replace(gain=-abs(step.gain)).best() == (0.0, 0.0)
    assert step._replace(starts=0).best() == (0.0, 0.0)


def test_no_step_is_taken_where_none_is_certain(monkeypatch):
    none = SampledStep(np.array([0]), 1, np.array([-1.0]), 0.99)
    monkeypatch.setattr(conservative, "sampled_step", lambda *_: (none, 7))
    model = agent(mixture=Exact(SafeStep(), capacity=2))
    before = {name: value.clone() for name, value in model.policy.mixture.state_dict().items()}
    model.learn(3 * 96)
    assert model.step_size == 0.0 == model.step_bound
    for name, value in model.policy.mixture.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_an_audit_needs_an_exact_mixture():
    with pytest.raises(ValueError, match=r"an audit .* needs UPITRM with mixture=Exact\(\.\.\.\)"):
        audited(96, mixture=Distilled(0.5))
