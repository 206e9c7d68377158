"""REINFORCE: whole episodes, their returns and baselines, and the gradient that follows."""

import zipfile
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from trm_agents import REINFORCE
from trm_agents.reinforce.returns import leave_one_out, normalised, returns_to_go

EPISODES = st.lists(st.lists(st.floats(-5, 5), min_size=1, max_size=6), min_size=1, max_size=5)


class Corridor(gym.Env):
    """Walk right to the end of three cells: 1 at the end, and each step costs 0.1.

    Observations are the cell, the number of steps and the number of the environment.
    """

    observation_space = spaces.Box(0, 20, (3,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, number=0):
        self.number = number

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = self.steps = 0
        return np.array([0, 0, self.number], np.float32), {}

    def step(self, action):
        self.steps += 1
        self.cell = max(0, self.cell + (1 if action else -1))
        done = self.cell == 3
        return np.array([self.cell, self.steps, self.number], np.float32), float(done) - 0.1, done, self.steps == 10, {}


def model(n_envs=2, **keywords):
    keywords = {"policy": "MlpPolicy", "n_episodes": 8, "seed": 0, "device": "cpu", **keywords}
    return REINFORCE(env=DummyVecEnv([partial(Corridor, number) for number in range(n_envs)]), **keywords)


@given(episodes=EPISODES, gamma=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_returns_and_baselines_are_their_definitions(episodes, gamma):
    rewards = [np.array(each) for each in episodes]
    returns = [returns_to_go(each, gamma) for each in rewards]
    for each, found in zip(rewards, returns, strict=True):
        expected = [sum(gamma**k * r for k, r in enumerate(each[t:])) for t in range(len(each))]
        np.testing.assert_allclose(found, expected, atol=1e-9)
    for number, advantages in enumerate(leave_one_out(returns)):
        for t, advantage in enumerate(advantages):
            others = [g[t] for other, g in enumerate(returns) if other != number and len(g) > t]
            expected = returns[number][t] - (np.mean(others) if others else 0.0)
            assert advantage == pytest.approx(expected, abs=1e-9)
    for advantages in normalised(returns):
        assert advantages.mean() == pytest.approx(0.0, abs=1e-6) and advantages.std() <= 1.0 + 1e-6


def test_a_baseline_of_the_own_episode_is_not_left_out():
    """Twice as good an episode: nothing for per-episode normalisation, everything for the others as a baseline."""
    good, bad = np.array([2.0, 2.0]), np.array([1.0, 1.0])
    assert np.array_equal(*normalised([good, bad]))
    assert [each.tolist() for each in leave_one_out([good, bad])] == [[1.0, 1.0], [-1.0, -1.0]]


def test_batches_are_whole_episodes_and_as_many_of_each_environment():
    made = model(n_envs=4)
    made.learn(1)
    assert len(made._batch) == 8
    for episode in made._batch:
        assert len(episode.observations) == len(episode.actions) == len(episode.rewards) <= 10
        assert np.array_equal([seen[1] for seen in episode.observations], range(len(episode.rewards)))
        assert episode.rewards[-1] > 0 or len(episode.rewards) == 10
    own = {number: [each for each in made._batch if each.observations[0][2] == number] for number in range(4)}
    assert {len(episodes) for episodes in own.values()} == {2}
    # Environments whose two episodes are over play on until the last one is done.
    slowest = max(sum(len(episode.rewards) for episode in episodes) for episodes in own.values())
    assert made.num_timesteps == 4 * slowest and made._n_updates == 1


@pytest.mark.parametrize("baseline", ["leave_one_out", "episode", None])
def test_the_step_is_that_of_the_equation(baseline):
    made = model(baseline=baseline, gamma=0.9, ent_coef=0.3, max_grad_norm=1e9)
    made.set_logger(configure(None, []))
    _, callback = made._setup_learn(1)
    made.collect_rollouts(made.env, callback, made.rollout_buffer, 1)
    twin = model(baseline=baseline)
    twin.policy.load_state_dict(made.policy.state_dict())
    returns = [returns_to_go(np.array(episode.rewards), 0.9) for episode in made._batch]
    kinds = {"leave_one_out": leave_one_out, "episode": normalised, None: list}
    loss, steps = torch.zeros(()), sum(map(len, returns))
    for episode, advantages in zip(made._batch, kinds[baseline](returns), strict=True):
        for seen, action, advantage in zip(episode.observations, episode.actions, advantages, strict=True):
            pi = twin.policy.get_distribution(torch.as_tensor(seen)[None])
            loss = loss - (advantage * pi.log_prob(torch.as_tensor(action)[None]) + 0.3 * pi.entropy()).sum() / steps
    loss.backward()
    made.train()
    for (name, ours), theirs in zip(made.policy.named_parameters(), twin.policy.parameters(), strict=True):
        if theirs.grad is not None:
            assert torch.allclose(ours.grad, theirs.grad, atol=1e-5), name


def test_the_gradient_is_clipped():
    norms = []
    for largest in (1e-3, 1e9):
        made = model(max_grad_norm=largest).learn(1)
        gradients = [weight.grad for weight in made.policy.parameters() if weight.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
    assert norms[0] == pytest.approx(1e-3, rel=1e-2) and norms[1] > 2e-3


def test_learns_to_walk_and_resumes_from_a_file(tmp_path):
    made = model(learning_rate=2e-2).learn(2500)
    seen, total, done = made.env.reset(), 0.0, False
    while not done:
        seen, rewards, dones, _ = made.env.step(made.predict(seen, deterministic=True)[0])
        total, done = total + rewards[0], dones[0]
    assert total == pytest.approx(0.7)
    made.save(tmp_path / "model.zip")
    loaded = REINFORCE.load(tmp_path / "model.zip", env=made.env, device="cpu")
    assert loaded.baseline == "leave_one_out" and loaded.num_timesteps == made.num_timesteps
    assert all(torch.equal(w, loaded.policy.state_dict()[name]) for name, w in made.policy.state_dict().items())
    loaded.learn(100, reset_num_timesteps=False)
    assert loaded.num_timesteps > made.num_timesteps


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="n_episodes=3 must be a multiple of the 2 environments"):
        model(n_episodes=3)
    with pytest.raises(ValueError, match="baseline must be"):
        model(baseline="mean")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_episodes": 2.0}, r"n_episodes must be a whole number of at least 1, got 2\.0: pass an int"),
        ({"n_episodes": 0}, "n_episodes must be at least 1, got 0"),
        ({"max_grad_norm": 0.0}, r"max_grad_norm must be positive, got 0\.0"),
        ({"gamma": float("nan")}, r"gamma must be within \[0, 1\], got nan"),
        ({"ent_coef": -0.1}, r"ent_coef must not be negative, got -0\.1"),
        ({"ent_coef": "x"}, "ent_coef must be a finite number of at least 0, got 'x'"),
        ({"learning_rate": True}, "learning_rate must be a finite number of at least 0, got True"),
        ({"seed": 1.5}, r"seed must be a whole number of at least 0, got 1\.5"),
        ({"stats_window_size": 0}, "stats_window_size must be at least 1, got 0"),
        ({"policy": "MultiInputPolicy"}, "MultiInputPolicy reads a Dict, got Box"),
    ],
)
def test_what_cannot_train_is_refused_now_and_at_load(keywords, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        model(**keywords)
    if "policy" not in keywords:
        model(n_envs=1).save(tmp_path / "model.zip")
        with pytest.raises(ValueError, match=message):
            REINFORCE.load(tmp_path / "model.zip", env=Corridor(0), device="cpu", **keywords)


def test_a_file_is_data_and_keywords_at_load_count(tmp_path):
    model(seed=np.int64(3), learning_rate=np.float32(1e-2)).learn(50).save(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert "tensors.safetensors" in archive.namelist() and b":serialized:" not in archive.read("data")
    keywords = {"n_episodes": 4, "gamma": 0.5, "ent_coef": 0.25, "baseline": None, "learning_rate": 1e-4}
    loaded = REINFORCE.load(tmp_path / "model.zip", env=Corridor(0), device="cpu", **keywords).learn(10)
    assert {name: getattr(loaded, name) for name in keywords} == keywords
    assert loaded.policy.optimizer.param_groups[0]["lr"] == 1e-4
    with pytest.warns(UserWarning, match="resuming is inexact: no saved REINFORCE holds the states"):
        REINFORCE.load(tmp_path / "model.zip", env=Corridor(0), device="cpu", force_reset=False)
    with pytest.raises(ValueError, match="load takes no keyword n_steps: choose among baseline"):
        REINFORCE.load(tmp_path / "model.zip", env=Corridor(0), device="cpu", n_steps=8)


def test_processes_and_loops_of_environments_train_the_same_weights():
    """Rewards of 0.1 are another number as float32, which `DummyVecEnv` makes of them."""
    trained = []
    for kind, keywords in ((DummyVecEnv, {}), (SubprocVecEnv, {"start_method": "fork"})):
        env = kind([partial(Corridor, number) for number in range(2)], **keywords)
        made = REINFORCE("MlpPolicy", env, n_episodes=4, gamma=0.9, seed=3, device="cpu").learn(100)
        trained.append(made.policy.state_dict())
        env.close()
    assert all(torch.equal(weight, trained[1][name]) for name, weight in trained[0].items())


@pytest.mark.parametrize("deterministic", [True, False])
def test_masks_forbid_actions(deterministic):
    made = model()
    seen = made.env.reset()
    for allowed in (0, 1):
        masks = np.zeros((len(seen), made.action_space.n), np.bool_)
        masks[:, allowed] = True
        assert (made.predict(seen, deterministic=deterministic, action_masks=masks)[0] == allowed).all()
        assert made.predict(seen[0], deterministic=deterministic, action_masks=masks[:1])[0] == allowed
    everything = np.ones((len(seen), made.action_space.n), np.bool_)
    assert np.array_equal(made.predict(seen, None, None, True, everything)[0], made.predict(seen, None, None, True)[0])
    with pytest.raises(ValueError, match=r"action_masks must be of shape"):
        made.predict(seen, action_masks=everything[:, :1])
