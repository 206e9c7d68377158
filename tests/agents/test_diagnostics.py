"""TheoryDiagnostics logs exact quantities in any run, and leaves the run as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_helpers import agent, assert_same_weights, sudoku, weights
from stable_baselines3.common.callbacks import BaseCallback

from trm_agents import UPITRM, CertifiedExactCover
from trm_agents.theory.diagnostics import TheoryDiagnostics
from trm_envs.plan_edit.spaces import observe, states_of

CERTIFIED = {"policy_kwargs": {"core": CertifiedExactCover(0.5)}}
EVERYWHERE = {"residual_mean", "residual_max", "projection_active"}
OF_MODEL = EVERYWHERE | {"centring_defect", "safe_alpha", "safe_bound"}
VARIANTS = {
    "default": ({}, OF_MODEL | {"lipschitz_value"}),
    "exact": ({}, OF_MODEL | {"lipschitz_value"}),
    "certified": (CERTIFIED, OF_MODEL | {"lipschitz", "lipschitz_value"}),
    "hindsight": ({}, OF_MODEL | {"lipschitz_value"}),
    "hindsight-carried": ({}, OF_MODEL | {"lipschitz_value"}),
    "hindsight-certified": (CERTIFIED, OF_MODEL | {"lipschitz", "lipschitz_value"}),
}


class Kept(BaseCallback):
    """Keeps what was logged by the end of each rollout."""

    def __init__(self):
        super().__init__()
        self.logged = []

    def _on_step(self):
        return True

    def _on_rollout_end(self):
        values = self.logger.name_to_value
        self.logged.append({name[7:]: value for name, value in values.items() if name.startswith("theory/")})


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_logged_on_puzzles_and_that_training_does_not_notice(name):
    kwargs, expected = VARIANTS[name]
    kept = Kept()
    watched = agent(name, **kwargs).learn(96, callback=[TheoryDiagnostics(), kept])
    assert len(kept.logged) == 3
    for logged in kept.logged:
        assert set(logged) == expected and all(np.isfinite(value) for value in logged.values())
        assert logged["centring_defect"] < 1e-4 and 0.0 <= logged["safe_alpha"] <= 1.0
        assert logged["residual_mean"] <= logged["residual_max"]
        if "lipschitz" in expected:
            assert 0.0 < logged["lipschitz"] <= 0.5
    assert_same_weights(weights(watched), weights(agent(name, **kwargs).learn(96)))


def test_other_environments_log_the_residual_of_what_happened():
    kept = Kept()
    model = UPITRM("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu")
    model.learn(32, callback=[TheoryDiagnostics(), kept])
    assert all(set(logged) >= EVERYWHERE and "safe_alpha" not in logged for logged in kept.logged)


def test_the_residual_is_that_of_every_successor():
    model, found = agent(), []

    class Look(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_end(self):
            found.append(TheoryDiagnostics(max_states=8).measure(model.policy, model.rollout, model.gamma))
            seen = {key: value[:, 0] for key, value in model.rollout.observations.items()}
            found.append(max(self.by_hand(states_of(seen), row) for row in range(8)))

        def by_hand(self, states, row):
            mdp, state = model.mdp, states.at(np.array([row]))
            policy, value = self.read(state)
            total = 0.0
            for action in np.flatnonzero(policy):
                made = mdp.transition(state, np.array([action]))
                ahead = 0.0 if made.terminated[0] else self.read(made.successors)[1]
                total += policy[action] * (made.rewards[0] + mdp.gamma * ahead)
            return abs(total - value)

        def read(self, state):
            seen = {key: torch.as_tensor(value) for key, value in observe(state).items()}
            phi = torch.as_tensor(model.mdp.check(state).score, dtype=torch.float32)
            with torch.no_grad():
                return model.policy.action_probabilities(seen)[0].numpy(), float(model.policy.values(seen, phi)[0])

    model.learn(64, callback=Look())
    assert found[2]["residual_max"] == pytest.approx(found[3], abs=1e-4)


def test_tensorboard_shows_them(tmp_path):
    model = UPITRM("TRMPolicy", sudoku(), n_steps=8, batch_size=16, n_epochs=1, seed=0, device="cpu",
                   tensorboard_log=str(tmp_path))  # fmt: skip
    model.learn(64, callback=TheoryDiagnostics())
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(tmp_path.iterdir()))).Reload()
    assert {"theory/residual_max", "theory/safe_alpha", "theory/projection_active"} <= set(events.Tags()["scalars"])
