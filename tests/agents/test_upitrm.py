"""UPITRM: any environment with Discrete actions, counts, the deployed mixture, what it refuses."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import EASY, ID, UPI_TRM, assert_same_weights, sudoku, tensors, upi_trm, weights
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback, StopTrainingOnRewardThreshold
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import IdentityEnv, SimpleMultiObsEnv
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from benchmarks.studies.defaults import TASKS
from trm_agents import UPITRM, CertifiedDense, Distilled, Exact, SafeStep
from trm_agents.upi_trm import improvement
from trm_envs.plan_edit.spaces import observe


def test_counts_are_exact():
    model = upi_trm()
    queries = 0

    class Count(BaseCallback):
        def _on_step(self):
            nonlocal queries
            acted_on = {k: torch.as_tensor(v) for k, v in self.locals["observation"].items()}
            queries += int(model.policy.action_mask(acted_on).sum())
            return True

    model.learn(64, callback=Count())
    # 2 iterations of 32 states, batches of 16, 2 epochs; every legal action of every state is enumerated once.
    assert model.gradient_steps_done == 2 * 2 * 2
    assert model.model_queries == queries > 0
    assert upi_trm(checker_weight=0.0, advantage="readout").learn(64).model_queries == 0
    # A bound that chooses the step enumerates the successors a second time.
    assert upi_trm(mixture=Exact(SafeStep(), 2)).learn(32).model_queries == 2 * upi_trm().learn(32).model_queries


def test_defaults_depend_on_whether_there_is_a_model():
    modelled, free = upi_trm(), UPITRM("MlpPolicy", "CartPole-v1", device="cpu")
    assert (modelled.advantage, modelled.beta, modelled.checker_weight) == ("enumerate", 4.0, 0.5)
    assert (free.advantage, free.beta, free.checker_weight) == ("readout", 1.0, 0.0)
    assert upi_trm(advantage="readout").beta == 1.0
    assert free.n_steps == 128 and UPITRM("TRMPolicy", sudoku(), device="cpu").n_steps == 32


@pytest.mark.parametrize(
    ("policy", "env"),
    [
        ("MlpPolicy", lambda: IdentityEnv(4)),
        ("MlpPolicy", lambda: gym.make("CartPole-v1")),
        ("MultiInputPolicy", lambda: SimpleMultiObsEnv(random_start=False, discrete_actions=True)),
        ("MultiInputPolicy", lambda: gym.make(ID)),
    ],
)
def test_any_environment_with_discrete_actions(policy, env, tmp_path):
    model = UPITRM(policy, DummyVecEnv([env, env]), **UPI_TRM).learn(64)
    assert model.model_queries == 0
    model.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", env=DummyVecEnv([env, env]), device="cpu")
    assert_same_weights(weights(model), weights(loaded))
    assert loaded.predict(loaded.env.reset())[0].shape == (2,)


@pytest.mark.parametrize("kwargs", [{"mixture": Exact(0.3, 3)}, {"policy_kwargs": {"core": CertifiedDense(0.9)}}])
def test_mixtures_and_certified_cores_without_a_model(kwargs, tmp_path):
    model = UPITRM("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2), **UPI_TRM, **kwargs).learn(64)
    model.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", device="cpu")
    assert_same_weights(weights(model), weights(loaded))
    assert (loaded.policy.mixture is None) == ("mixture" not in kwargs)
    assert loaded.policy.core.certified == ("policy_kwargs" in kwargs)


@pytest.mark.parametrize("gamma", [{}, {"gamma": 0.4}])
def test_the_defaults_learn_the_identity(gamma):
    """`benchmarks/published/defaults.jsonl` has ten seeds."""
    model = UPITRM("MlpPolicy", IdentityEnv(4), seed=0, device="cpu", **gamma).learn(2_500)
    assert evaluate_policy(model, IdentityEnv(4), n_eval_episodes=4, warn=False)[0] == 100


def test_a_value_looks_through_a_time_limit():
    """SB3's test of time limits: 1,500 steps, and a value within 2 % of 1 / (1 - gamma); the rows have ten seeds."""
    task = TASKS["time-limit-short-rollouts"]
    assert (task.budget, task.wanted) == (1_500, 0.98)
    assert task.learn(0, task.budget, task.wanted).score >= task.wanted


def test_noise_moves_the_policy_little():
    """Rewards that no action has a say in leave a policy without a model close to where it began."""

    class Noise(IdentityEnv):
        def _get_reward(self, action):
            return float(draws.normal())

    draws = np.random.default_rng(0)
    model = UPITRM("MlpPolicy", Noise(4), seed=0, gamma=0.0, device="cpu").learn(1024)
    policy = model.policy.action_probabilities(torch.arange(4)).detach()
    assert -(policy * policy.log()).sum(1).min() > 0.5 * np.log(4)
    assert model._advantage_scale == pytest.approx(1.0, abs=0.1)


def test_learns_cart_pole_within_50_000_steps():
    stop = StopTrainingOnRewardThreshold(400.0)
    evaluation = EvalCallback(
        make_vec_env("CartPole-v1", n_envs=4, seed=99),
        callback_on_new_best=stop,
        eval_freq=1024,
        n_eval_episodes=20,
        verbose=0,
    )
    model = UPITRM("MlpPolicy", make_vec_env("CartPole-v1", n_envs=8, seed=0), seed=0, device="cpu")
    model.learn(50_000, callback=evaluation)
    assert model.num_timesteps <= 50_176
    assert evaluation.best_mean_reward >= 400.0


def test_vec_normalize():
    env = VecNormalize(make_vec_env("CartPole-v1", n_envs=2))
    model = UPITRM("MlpPolicy", env, **UPI_TRM).learn(64)
    assert model.get_vec_normalize_env() is env


def test_learns_easy_sudoku():
    model = UPITRM("TRMPolicy", sudoku(n_envs=16), n_steps=16, batch_size=64, seed=0, device="cpu")
    model.learn(2048)
    mdp = model.mdp
    states = mdp.initial(gym.make(ID, split="validation", **EASY).unwrapped.source.instances[:100])
    solved = np.zeros(100, bool)
    for _ in range(8):
        transition = mdp.transition(states, model.predict(observe(states), deterministic=True)[0])
        solved |= transition.checks.solved
        states = transition.successors
    assert solved.mean() > 0.9


def test_deployed_exact_mixture_is_what_predict_and_collection_use():
    model = upi_trm(mixture=Exact(0.5, capacity=4)).learn(128)
    observation = model.env.reset()
    seen = {k: torch.as_tensor(v) for k, v in observation.items()}
    policy = model.policy.action_probabilities(seen)
    expected = model.policy.mixture.probabilities(seen, model.policy.action_mask(seen))
    assert torch.equal(policy, expected)
    assert np.array_equal(model.predict(observation, deterministic=True)[0], expected.argmax(1).numpy())
    assert float(model.policy.mixture.weights.max()) < 1.0
    state = model.rng.bit_generator.state
    drawn = model._act(observation)
    model.rng.bit_generator.state = state
    assert np.array_equal(drawn, model._sample(expected))


def test_what_the_network_is_fitted_to():
    """A distilled step fits the mixture itself, an exact one the candidate."""
    policy, better = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.1, 0.9]])
    assert torch.equal(Distilled(0.25).target(policy, better), improvement.mixture(policy, better, 0.25))
    assert torch.equal(Exact(0.25).target(policy, better), better)


def test_values_of_truncated_episodes_are_those_of_their_last_observation():
    env = make_vec_env("CartPole-v1", n_envs=2, seed=0, wrapper_class=gym.wrappers.TimeLimit,
                       wrapper_kwargs={"max_episode_steps": 5})  # fmt: skip
    model = UPITRM("MlpPolicy", env, **{**UPI_TRM, "n_steps": 16})
    found = []

    class Look(BaseCallback):
        def _on_step(self):
            rollout, infos = model.rollout, self.locals["infos"]
            t = rollout.position - 1
            for i, info in enumerate(infos):
                if info.get("TimeLimit.truncated"):
                    seen = torch.as_tensor(info["terminal_observation"])[None]
                    with torch.no_grad():
                        value = float(model.policy.values(seen, torch.zeros(1))[0])
                    assert rollout.truncation_values[t, i] == pytest.approx(value, abs=1e-5)
                    assert rollout.truncated[t, i] and not rollout.terminated[t, i]
                    found.append(value)
                else:
                    assert rollout.truncation_values[t, i] == 0.0
            return True

    model.learn(64, callback=Look())
    assert len(found) > 5 and any(found)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"gamma": 0.9}, r"gamma=0\.9 is not the environment's shaping discount 0\.99: pass the same to both"),
        ({"checker_weight": -0.1}, r"checker_weight must be within \[0, 1\], got -0\.1"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        ({"n_steps": 0}, "n_steps must be at least 1, got 0"),
        ({"unroll": 0}, "unroll must be at least 1, got 0"),
        ({"beta": 0.0}, "beta must be positive, got 0.0"),
        ({"advantage": "guess"}, "advantage must be None, 'enumerate' or 'readout', got 'guess'"),
        ({"mixture": Exact(SafeStep()), "advantage": "readout"}, "needs advantage='enumerate', got 'readout'"),
    ],
)
def test_bad_hyperparameters_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        upi_trm(**kwargs)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValueError, match=r"unroll must be at least 1, got 0; .*beta must be positive, got -1"):
        upi_trm(unroll=0, beta=-1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distilled(1.5), r"alpha must be within \[0, 1\], got 1\.5"),
        (lambda: Exact(-0.1), r"alpha must be within \[0, 1\], got -0\.1"),
        (lambda: Exact(0.3, 1), "capacity must be at least 2, got 1"),
    ],
)
def test_bad_mixtures_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_policy_for_the_environment():
    with pytest.raises(ValueError, match="plan-edit environment"):
        UPITRM("TRMPolicy", "CartPole-v1", device="cpu")
    for kwargs in ({"checker_weight": 0.5}, {"advantage": "enumerate"}):
        with pytest.raises(ValueError, match="plan-edit environment and TRMPolicy: leave both at None elsewhere"):
            UPITRM("MlpPolicy", "CartPole-v1", device="cpu", **kwargs)


def test_illegal_actions_have_no_probability():
    model = upi_trm().learn(64)
    states = model.mdp.initial(gym.make(ID, **EASY).unwrapped.source.instances[:20])
    probabilities = model.policy.action_probabilities(tensors(states)).detach()
    mask = torch.from_numpy(model.mdp.action_mask(states))
    assert (probabilities[~mask] == 0).all() and torch.allclose(probabilities.sum(1), torch.ones(20))
