"""UPITRM as an SB3 algorithm: the contract that sb3-contrib's algorithms keep."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import EASY, HINDSIGHT, ID, SMALL, agent, assert_same_weights, sudoku, weights
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import IdentityEnv, SimpleMultiObsEnv
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import trm_envs
from trm_agents import UPITRM
from trm_envs.plan_edit.spaces import observe

VARIANTS = {
    "default": {},
    "readout": {"advantage": "readout"},
    "readout-no-prior": {"advantage": "readout", "prior": 0.0},
    "exact": {"conservative": "exact", "mixture_capacity": 3, "mixture_alpha": 0.3},
    "safe": {"conservative": "exact", "mixture_capacity": 3, "mixture_alpha": "safe"},
    "persistent": {"latent": "persistent"},
    "clamp": {"contraction": "clamp", "radius": None},
    "stage0": {"prior": 1.0},
    "last-step-loss": {"deep_supervision": False, "unroll": 3},
    "hindsight": {**HINDSIGHT},
    "hindsight-clamp": {**HINDSIGHT, "contraction": "clamp"},
    "hindsight-persistent": {
        **HINDSIGHT,
        "latent": "persistent",
        "unroll": 4,
        "carried_unroll": 2,
        "min_unroll": 1,
        "backprop_steps": 2,
    },
    "hindsight-committee-persistent": {
        **HINDSIGHT,
        "latent": "persistent",
        "policy_kwargs": {"width": 8, "members": 2},
    },
    "hindsight-certified": {**HINDSIGHT, "contraction": "certified"},
    "hindsight-search": {
        **HINDSIGHT,
        "search_instances": 2,
        "search_budget": 5,
        "search_solutions": 2,
        "min_unroll": 1,
        "max_unroll": 3,
        "backprop_steps": 1,
    },
}


@pytest.mark.parametrize("name", VARIANTS)
def test_run_save_load_and_continue(name, tmp_path):
    model = agent(**VARIANTS[name])
    model.learn(64)
    assert model.num_timesteps == 64
    observation = model.env.reset()
    actions, state = model.predict(observation, deterministic=True)
    model.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", env=sudoku(), device="cpu")
    assert_same_weights(weights(model), weights(loaded))
    again, _ = loaded.predict(observation, deterministic=True)
    assert np.array_equal(actions, again)
    assert (state is not None) == ("persistent" in name)
    loaded.learn(32, reset_num_timesteps=False)
    assert loaded.num_timesteps == 96


def test_load_without_env_predicts_legal_actions_only(tmp_path):
    agent().learn(32).save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", device="cpu")
    env = gym.make(ID, **EASY)
    observation, info = env.reset(seed=1)
    for _ in range(20):
        action, _ = loaded.predict(observation)
        assert action.shape == ()
        assert info["action_mask"][action] == 1
    batch = observe(env.unwrapped.mdp.initial(env.unwrapped.source.instances[:5]))
    assert loaded.predict(batch)[0].shape == (5,)
    with pytest.raises(AssertionError):
        loaded.learn(8)


@pytest.mark.parametrize("force_reset", [True, False])
def test_load_for_another_number_of_environments(force_reset, tmp_path):
    agent().learn(40).save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", env=sudoku(n_envs=2), device="cpu", force_reset=force_reset)
    loaded.learn(32, reset_num_timesteps=False)
    assert loaded.num_timesteps == 64 + 32


def test_policy_saves_and_loads_alone(tmp_path):
    model = agent(advantage="readout").learn(32)
    model.policy.save(tmp_path / "policy.pt")
    policy = type(model.policy).load(tmp_path / "policy.pt", device="cpu")
    observation = model.env.reset()
    assert np.array_equal(
        policy.predict(observation, deterministic=True)[0], model.predict(observation, deterministic=True)[0]
    )


RESUMED = [
    *("default", "exact", "safe", "persistent", "readout", "hindsight", "hindsight-search", "hindsight-persistent"),
    "hindsight-committee-persistent",
]


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("stop_at", [64, 100])
def test_killed_and_resumed_run_equals_an_uninterrupted_one(name, stop_at, tmp_path):
    """Stopped at the end of a rollout (64) and in the middle of one (100), with episodes under way."""
    whole = agent(**VARIANTS[name]).learn(160)

    class SaveAt(BaseCallback):
        def _on_step(self):
            if self.num_timesteps == stop_at:
                self.model.save(tmp_path / "killed.zip")
            return self.num_timesteps < stop_at

    agent(**VARIANTS[name]).learn(160, callback=SaveAt())
    env = sudoku(seed=77)
    resumed = UPITRM.load(tmp_path / "killed.zip", env=env, device="cpu", force_reset=False)
    assert resumed.num_timesteps == stop_at
    resumed.learn(160 - stop_at, reset_num_timesteps=False)
    assert_same_weights(weights(whole), weights(resumed))
    assert whole.model_queries == resumed.model_queries
    assert whole.gradient_steps_done == resumed.gradient_steps_done
    assert whole.rng.bit_generator.state == resumed.rng.bit_generator.state


def test_saving_what_was_just_loaded_loses_nothing(tmp_path):
    agent().learn(64).save(tmp_path / "first.zip")
    results = []
    for name in ("first.zip", "second.zip"):
        loaded = UPITRM.load(tmp_path / name, env=sudoku(seed=9), device="cpu", force_reset=False)
        loaded.save(tmp_path / "second.zip")
        results.append(weights(loaded.learn(64, reset_num_timesteps=False)))
    assert_same_weights(*results)


def test_a_new_environment_does_not_go_on_with_the_old_ones_episodes():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 12

    model = agent().learn(1000, callback=Stop())
    assert model.rollout.position == 3
    model.set_env(sudoku(seed=5))
    model.learn(4, reset_num_timesteps=False, callback=Stop())
    assert model.rollout.position == 1


def test_saving_does_not_change_training(tmp_path):
    model = agent()
    model.learn(200, callback=CheckpointCallback(20, tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    assert_same_weights(weights(model), weights(agent().learn(200)))


def test_same_seed_same_result_and_evaluation_changes_nothing():
    first = agent().learn(64)
    watched = agent().learn(64, callback=EvalCallback(sudoku(n_envs=1), eval_freq=4, n_eval_episodes=2, verbose=0))
    assert_same_weights(weights(first), weights(watched))
    other = agent(seed=4).learn(64)
    assert any(not torch.equal(a, b) for a, b in zip(weights(first).values(), weights(other).values(), strict=True))


def test_default_constructor_and_lazy_setup():
    model = UPITRM("TRMPolicy", ID, device="cpu")
    assert model.dials.advantage == "enumerate"
    late = UPITRM("TRMPolicy", sudoku(), device="cpu", _init_setup_model=False)
    assert not hasattr(late, "policy") or late.policy is None
    late._setup_model()
    assert late.policy.network is not None


class Recorder(KVWriter):
    def __init__(self):
        self.keys: set[str] = set()

    def write(self, key_values, key_excluded, step=0):
        self.keys |= set(key_values)

    def close(self):
        pass


DOCUMENTED = {
    "rollout/ep_rew_mean",
    "rollout/ep_len_mean",
    "rollout/success_rate",
    "train/value_loss",
    "train/policy_loss",
    "train/value_min",
    "train/value_max",
    "train/advantage_rms",
    "train/centring_defect",
    "mixture/base_weight",
    "mixture/distillation_kl",
    "mixture/expired_weight",
    "mixture/expiry_bound",
    "recursion/projection_active",
    "count/model_queries",
    "count/gradient_steps",
    "time/total_timesteps",
}


def test_log_has_the_documented_names():
    recorder = Recorder()
    model = agent(n_steps=32)
    model.set_logger(Logger(folder=None, output_formats=[recorder]))
    model.learn(256)
    assert recorder.keys >= DOCUMENTED
    hindsight = {f"train/{name}" for name in ("hit_loss", "hit_accuracy", "prior", "memory", "search_success")}
    model = agent(n_steps=32, **HINDSIGHT, search_instances=1)
    model.set_logger(Logger(folder=None, output_formats=[recorder]))
    model.learn(256)
    assert recorder.keys >= hindsight
    for name in DOCUMENTED | hindsight:
        if not name.startswith(("rollout/", "time/")):
            assert name in (UPITRM.__doc__ or "")


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_tensorboard_and_progress_bar(tmp_path):
    agent(tensorboard_log=str(tmp_path)).learn(32, progress_bar=True)
    assert list(tmp_path.rglob("events.out.tfevents*"))


def test_counts_are_exact():
    model = agent()
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
    assert agent(prior=0.0, advantage="readout").learn(64).model_queries == 0


def test_hindsight_counts_are_exact():
    """The checker's advice enumerates every legal action; an episode's end and the search ask the model as well."""
    model = agent(**HINDSIGHT, prior_steps=48)
    legal = ends = 0

    class Count(BaseCallback):
        def _on_step(self):
            nonlocal legal, ends
            if self.num_timesteps <= 48:
                acted_on = {k: torch.as_tensor(v) for k, v in self.locals["observation"].items()}
                legal += int(model.policy.action_mask(acted_on).sum())
            ends += int(self.locals["dones"].sum())
            return True

    model.learn(64, callback=Count())
    assert model.model_queries == legal + ends > legal
    # 0.75 states trained on for each of 32 collected, in batches of 16, rounded: 2 steps an iteration.
    assert model.gradient_steps_done == 2 * 2
    assert model.policy.prior == 0.0


def test_hindsight_needs_its_policy():
    with pytest.raises(ValueError, match="'hindsight' needs RepairPolicy"):
        UPITRM("MlpPolicy", "CartPole-v1", target="hindsight")
    with pytest.raises(ValueError, match="'k_step' any other policy"):
        UPITRM("RepairPolicy", sudoku())


@pytest.mark.parametrize("kwargs", [{"conservative": "exact"}, {"advantage": "enumerate"}])
def test_hindsight_refuses_what_it_would_not_use(kwargs):
    with pytest.raises(ValueError, match="leave advantage and conservative at their defaults"):
        agent(**HINDSIGHT, **kwargs)


@pytest.mark.parametrize("kwargs", [{}, HINDSIGHT])
def test_diverging_training_stops_and_leaves_finite_weights(kwargs):
    model = agent(**kwargs)
    next(model.policy.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(FloatingPointError, match=r"diverged: the norm of the gradient is .* bound latents"):
        model.learn(2_000)
    assert all(weight.isfinite().all() for weight in model.policy.parameters())


def test_a_callback_can_stop_the_training():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 12

    assert agent().learn(1000, callback=Stop()).num_timesteps == 12


def test_set_env_and_learn_again():
    model = agent().learn(32)
    model.set_env(sudoku(seed=5))
    model.learn(32)
    assert model.num_timesteps == 32


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
    model = UPITRM(policy, DummyVecEnv([env, env]), **SMALL).learn(64)
    model.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", env=DummyVecEnv([env, env]), device="cpu")
    assert_same_weights(weights(model), weights(loaded))
    assert loaded.predict(loaded.env.reset())[0].shape == (2,)


def test_learns_the_identity():
    env = DummyVecEnv([lambda: IdentityEnv(4) for _ in range(4)])
    model = UPITRM("MlpPolicy", env, n_steps=16, batch_size=16, gamma=0.5, bootstrap_horizon=1, seed=0, device="cpu")
    model.learn(1024)
    assert evaluate_policy(model, env, n_eval_episodes=20, warn=False)[0] > 90


def test_gymnasium_vector_environment_as_it_is(tmp_path):
    """No adapter needs to be named, and a save in its midst loses nothing."""
    gym.register_envs(trm_envs)
    keywords = {**EASY, "autoreset_mode": AutoresetMode.SAME_STEP}

    def native():
        return gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=4, **keywords)

    first = UPITRM("TRMPolicy", native(), **SMALL).learn(96)
    assert first.ep_info_buffer
    first.save(tmp_path / "model.zip")
    resumed = UPITRM.load(tmp_path / "model.zip", env=native(), device="cpu", force_reset=False)
    first.learn(32, reset_num_timesteps=False)
    resumed.learn(32, reset_num_timesteps=False)
    assert_same_weights(weights(first), weights(resumed))
    with pytest.raises(ValueError, match="SAME_STEP"):
        UPITRM("TRMPolicy", gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=2), **SMALL)


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
    model = UPITRM("MlpPolicy", env, **SMALL).learn(64)
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


def test_persistent_latent_goes_in_and_out():
    model = agent(latent="persistent").learn(64)
    with torch.no_grad():
        for parameter in model.policy.network.parameters():
            parameter.add_(0.1)
    observation = model.env.reset()
    _, state = model.predict(observation, deterministic=True)
    assert state is not None
    fresh = model.policy.action_probabilities({k: torch.as_tensor(v) for k, v in observation.items()})[0]
    carried = model.policy.carried(state[0], np.array([True, False, False, False]))
    kept = model.policy.action_probabilities({k: torch.as_tensor(v) for k, v in observation.items()}, carried)[0]
    assert torch.allclose(fresh[0], kept[0], atol=1e-6)
    assert not torch.allclose(fresh[1:], kept[1:], atol=1e-6)


def test_deployed_exact_mixture_is_what_predict_and_collection_use():
    model = agent(conservative="exact", mixture_capacity=4, mixture_alpha=0.5).learn(128)
    observation = model.env.reset()
    tensors = {k: torch.as_tensor(v) for k, v in observation.items()}
    policy, _ = model.policy.action_probabilities(tensors)
    expected = model.policy.mixture.probabilities(tensors, model.policy.action_mask(tensors))
    assert torch.equal(policy, expected)
    assert np.array_equal(model.predict(observation, deterministic=True)[0], expected.argmax(1).numpy())
    assert float(model.policy.mixture.weights.max()) < 1.0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"gamma": 0.9}, "gamma=0.9"),
        ({"mixture_alpha": 1.5}, "mixture_alpha"),
        ({"prior": -0.1}, "prior"),
        ({"bootstrap_horizon": 0}, "bootstrap_horizon"),
        ({"beta": 0.0}, "beta"),
        ({"advantage": "guess"}, "advantage"),
        ({"conservative": "bold"}, "conservative"),
        ({"latent": "persistent", "conservative": "exact"}, "persistent"),
        ({"unroll": 0}, "unroll"),
        ({"latent": "persistent", "carried_unroll": 2}, "carried_unroll needs target='hindsight'"),
        ({**HINDSIGHT, "carried_unroll": 2}, "carried_unroll needs target='hindsight' and latent='persistent'"),
        ({**HINDSIGHT, "latent": "persistent", "carried_unroll": 0}, "carried_unroll"),
    ],
)
def test_bad_hyperparameters_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        agent(**kwargs)


def test_wrong_policy_for_the_environment():
    with pytest.raises(ValueError, match="plan-edit environment"):
        UPITRM("TRMPolicy", "CartPole-v1", device="cpu")
    with pytest.raises(ValueError, match="plan-edit environment"):
        UPITRM("MlpPolicy", "CartPole-v1", prior=0.5, device="cpu")


def test_environment_passes_sb3s_checker():
    check_env(gym.make(ID).unwrapped, warn=True)
