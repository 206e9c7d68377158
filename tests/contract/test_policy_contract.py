"""Every algorithm with its recursive policy: runs, predicts, saves, loads, on every kind of observation."""

import io

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from policy_helpers import PAIRS, SMALL, SPACES, Errand, make, observations, steep
from stable_baselines3 import PPO

from trm_agents.recursive_policies import RecursivePolicy, TRMPolicy
from trm_agents.recursive_policies.readouts import AgentView
from trm_envs.maze.walk_env import walk_problem
from trm_envs.wrappers import ImageObservation, PlanesObservation, PreviousActionObservation

MIXED = {"planes": "conv", "plans": "neighbours"}


def same_actions(first, second, observed):
    return np.array_equal(*(model.predict(observed, deterministic=True)[0] for model in (first, second)))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("algorithm", PAIRS)
def test_learns_and_predicts(algorithm, space):
    model = make(algorithm, space, mixer=MIXED.get(space), k_cycles=1, action_conditioning=space == "previous")
    before = {name: weight.clone() for name, weight in model.policy.readings.named_parameters()}
    model.learn(16)
    assert any(not torch.equal(weight, before[name]) for name, weight in model.policy.readings.named_parameters())
    observed = observations(model)
    actions, _ = model.predict(observed, deterministic=True)
    assert actions.shape == (6,) and ((actions >= 0) & (actions < 4)).all()
    assert np.array_equal(actions, model.predict(observed, deterministic=True)[0])
    one = {key: value[0] for key, value in observed.items()} if isinstance(observed, dict) else observed[0]
    assert model.predict(one, deterministic=True)[0] == actions[0]


@pytest.mark.parametrize("algorithm", PAIRS)
def test_saved_models_are_the_same_models(algorithm):
    model = make(algorithm, "plans", mixer="neighbours", ema=0.5, deep_supervision=True).learn(16)
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    loaded = type(model).load(file, env=model.get_env(), device="cpu")
    observed = observations(model)
    assert same_actions(model, loaded, observed)
    for name, weight in model.policy.state_dict().items():
        assert torch.equal(weight, loaded.policy.state_dict()[name]), name
    loaded.learn(16, reset_num_timesteps=False)
    fresh = make(algorithm, "plans", mixer="neighbours", ema=0.5, deep_supervision=True, seed=5)
    fresh.set_parameters(model.get_parameters())
    assert same_actions(model, fresh, observed)


@pytest.mark.parametrize("algorithm", PAIRS)
def test_the_same_seed_trains_the_same_weights(algorithm):
    first, second = (make(algorithm, "planes", mixer="conv").learn(16).policy.state_dict() for _ in range(2))
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())


def test_policies_are_saved_alone(tmp_path):
    policy = make("PPO", "box", inject="once").learn(8).policy
    policy.save(tmp_path / "policy.zip")
    loaded = RecursivePolicy.load(tmp_path / "policy.zip", device="cpu")
    assert loaded.options == policy.options and loaded.options.inject == "once"
    observed = np.random.default_rng(0).uniform(-1, 1, (9, 5)).astype(np.float32)
    assert np.array_equal(
        loaded.predict(observed, deterministic=True)[0], policy.predict(observed, deterministic=True)[0]
    )


def test_the_previous_action_of_a_buffer_is_that_of_an_environment():
    """Buffers give Discrete entries one axis more."""
    policy = steep(make("PPO", "previous", action_conditioning=True)).policy
    seen = {"observation": torch.randn(6, 5), "previous_action": torch.tensor([0, 1, 2, 3, 4, 0])}
    values = policy.predict_values(seen)
    stored = {**seen, "previous_action": seen["previous_action"][:, None].float()}
    assert values.shape == (6, 1) and torch.equal(policy.evaluate_actions(stored, torch.zeros(6))[0], values)


def test_masked_actions_are_never_taken():
    model = make("MaskablePPO", "box", deep_supervision=True).learn(16)
    observed = observations(model, 50)
    masks = np.tile(np.arange(4) == 2, (50, 1))
    assert (model.predict(observed, action_masks=masks)[0] == 2).all()
    tensors = torch.as_tensor(observed)
    _, log_prob, entropy = model.policy.evaluate_actions(tensors, torch.full((50,), 2), torch.as_tensor(masks))
    assert torch.allclose(log_prob, torch.zeros(50), atol=1e-5) and torch.allclose(entropy, torch.zeros(50), atol=1e-5)


@pytest.mark.parametrize(
    "actions", [spaces.Box(-1, 1, (2,), np.float32), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3)]
)
def test_other_actions(actions):
    class Anything(Errand):
        def step(self, action):
            return super().step(int(np.sum(action)))

    env = Anything(SPACES["box"])
    env.action_space = actions
    words = {"k_cycles": 2, "h_dim": 8, "l_dim": 4, "deep_supervision": True}
    model = PPO(RecursivePolicy, env, n_steps=8, batch_size=8, n_epochs=1, policy_kwargs=words, device="cpu").learn(16)
    assert model.action_space.contains(model.predict(env.observation_space.sample())[0])
    with pytest.raises(ValueError, match="Discrete actions"):
        PPO(RecursivePolicy, env, policy_kwargs={"halting": "learned"}, device="cpu")


def test_moves_lead_where_they_are_read_from():
    """The neighbours of an agent, up, down, left and right, are those that the environment's moves lead to."""
    mdp, source = walk_problem(5)
    states = mdp.initial(np.stack([source.sample(np.random.default_rng(seed)) for seed in range(40)]))
    around = AgentView((5, 5), 4, 25, None).around.numpy()
    for move in range(4):
        found = mdp.transition(states, np.full(40, move)).successors.plans.argmax(1)
        here = states.plans.argmax(1)
        moved = found != here
        assert moved.any() and (found == around[here, 1 + move])[moved].all()


@pytest.mark.parametrize("wrapper", [None, PreviousActionObservation, PlanesObservation, ImageObservation])
def test_environments_of_ours(wrapper):
    env = gym.make("trm_envs:OpenMazeWalk-5x5-v0")
    env = env if wrapper is None else wrapper(env)
    policy = TRMPolicy if wrapper is PreviousActionObservation else RecursivePolicy
    words = {**SMALL, "mixer": None if wrapper is ImageObservation else "neighbours"}
    model = PPO(policy, env, n_steps=8, batch_size=8, n_epochs=1, policy_kwargs=words, device="cpu").learn(16)
    assert (model.policy.readings.view is None) == (wrapper in (PlanesObservation, ImageObservation))
    assert model.predict(env.reset()[0])[0] in range(4)
