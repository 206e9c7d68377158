"""Both algorithms keep the contract of SB3's: saving, loading, callbacks, environments, logs, counts."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import (
    EASY,
    HINDSIGHT_VARIANTS,
    ID,
    SMALL,
    VARIANTS,
    agent,
    assert_same_weights,
    hindsight_trm,
    sudoku,
    upi_trm,
    weights,
)
from gymnasium.vector import AutoresetMode
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_masked
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import KVWriter, Logger

import trm_envs
from trm_agents import UPITRM, HindsightTRM, Search
from trm_envs.plan_edit.spaces import observe

MAKERS = {"upi_trm": upi_trm, "hindsight_trm": hindsight_trm}
BOTH = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


class StopAt(BaseCallback):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def _on_step(self):
        return self.num_timesteps < self.steps


@pytest.mark.parametrize("name", VARIANTS)
def test_run_save_load_and_learn_on(name, tmp_path):
    model = agent(name)
    model.learn(64)
    assert model.num_timesteps == 64
    assert model.gradient_steps_done > 0
    observation = model.env.reset()
    actions, state = model.predict(observation, deterministic=True)
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", env=sudoku(), device="cpu")
    assert_same_weights(weights(model), weights(loaded))
    again, _ = loaded.predict(observation, deterministic=True)
    assert np.array_equal(actions, again)
    assert (state is not None) == (name == "hindsight-carried")
    loaded.learn(32, reset_num_timesteps=False)
    assert loaded.num_timesteps == 96


@BOTH
def test_load_without_env_predicts_legal_actions_only(make, tmp_path):
    cls = type(make().learn(32))
    make().learn(32).save(tmp_path / "model.zip")
    loaded = cls.load(tmp_path / "model.zip", device="cpu")
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


@BOTH
@pytest.mark.parametrize("force_reset", [True, False])
def test_load_for_another_number_of_environments(make, force_reset, tmp_path):
    model = make().learn(40)
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", env=sudoku(n_envs=2), device="cpu", force_reset=force_reset)
    loaded.learn(32, reset_num_timesteps=False)
    assert loaded.num_timesteps == 64 + 32


@pytest.mark.parametrize("name", ["readout", "exact", "hindsight", "hindsight-carried", "hindsight-cells"])
def test_policy_saves_and_loads_alone(name, tmp_path):
    model = agent(name).learn(32)
    model.policy.save(tmp_path / "policy.pt")
    policy = type(model.policy).load(tmp_path / "policy.pt", device="cpu")
    observation = model.env.reset()
    found, state = policy.predict(observation, deterministic=True)
    expected, own = model.predict(observation, deterministic=True)
    assert np.array_equal(found, expected)
    assert (state is None) == (own is None) and (state is None or np.array_equal(state[0], own[0]))


@BOTH
def test_a_new_environment_does_not_continue_the_old_ones_episodes(make):
    model = make().learn(1000, callback=StopAt(12))
    assert model.rollout.position == 3
    model.set_env(sudoku(seed=5))
    model.learn(4, reset_num_timesteps=False, callback=StopAt(12))
    assert model.rollout.position == 1


@BOTH
def test_saving_does_not_change_training(make, tmp_path):
    model = make()
    model.learn(200, callback=CheckpointCallback(20, tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    assert_same_weights(weights(model), weights(make().learn(200)))


@BOTH
def test_same_seed_same_result_and_evaluation_changes_nothing(make):
    first = make().learn(64)
    watched = make().learn(64, callback=EvalCallback(sudoku(n_envs=1), eval_freq=4, n_eval_episodes=2, verbose=0))
    assert_same_weights(weights(first), weights(watched))
    other = make(seed=4).learn(64)
    assert any(not torch.equal(a, b) for a, b in zip(weights(first).values(), weights(other).values(), strict=True))


@pytest.mark.parametrize(("cls", "policy"), [(UPITRM, "TRMPolicy"), (HindsightTRM, "TokenPolicy")])
def test_default_constructor_and_lazy_setup(cls, policy):
    assert cls(policy, ID, device="cpu").policy.network is not None
    late = cls(policy, sudoku(), device="cpu", _init_setup_model=False)
    assert getattr(late, "policy", None) is None
    late._setup_model()
    assert late.policy.network is not None


class Recorder(KVWriter):
    def __init__(self):
        self.keys: set[str] = set()

    def write(self, key_values, key_excluded, step=0):
        self.keys |= set(key_values)

    def close(self):
        pass


OF_SB3 = {"rollout/ep_rew_mean", "rollout/ep_len_mean", "rollout/success_rate", "time/total_timesteps"}
SHARED = {"recursion/projection_active", "count/model_queries", "count/gradient_steps"}
OF_UPI_TRM = {
    *("train/value_loss", "train/policy_loss", "train/value_min", "train/value_max", "train/advantage_rms"),
    *("train/centring_defect", "mixture/base_weight", "mixture/distillation_kl", "mixture/expired_weight"),
    "mixture/expiry_bound",
}
OF_HINDSIGHT = {
    *("train/edit_loss", "train/edit_accuracy", "train/checker_weight", "train/buffer_size", "train/search_success"),
}


@pytest.mark.parametrize(
    ("name", "kwargs", "own"),
    [
        ("default", {}, OF_UPI_TRM),
        ("safe", {}, OF_UPI_TRM | {"mixture/safe_bound"}),
        ("hindsight", {"search": Search(instances=1)}, OF_HINDSIGHT),
    ],
)
def test_log_has_the_documented_names(name, kwargs, own):
    recorder = Recorder()
    model = agent(name, n_steps=32, **kwargs)
    model.set_logger(Logger(folder=None, output_formats=[recorder]))
    model.learn(256)
    assert recorder.keys >= OF_SB3 | SHARED | own
    logged = {key for key in recorder.keys if not key.startswith(("rollout/", "time/"))} - {
        "train/n_updates",
        "train/learning_rate",
    }
    assert logged == SHARED | own
    for key in logged:
        assert f"`{key}`" in (type(model).__doc__ or ""), key


@pytest.mark.filterwarnings("ignore:rich is experimental")
@BOTH
def test_tensorboard_and_progress_bar(make, tmp_path):
    model = make(tensorboard_log=str(tmp_path)).learn(32, progress_bar=True)
    (file,) = tmp_path.rglob("events.out.tfevents*")
    assert file.parent.name == f"{type(model).__name__}_1"


@BOTH
def test_diverging_training_stops_and_leaves_finite_weights(make):
    model = make()
    next(model.policy.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(FloatingPointError, match=r"diverged: the norm of the gradient is .* bound latents"):
        model.learn(2_000)
    assert all(weight.isfinite().all() for weight in model.policy.parameters())


@BOTH
def test_a_callback_can_stop_the_training(make):
    assert make().learn(1000, callback=StopAt(12)).num_timesteps == 12


@BOTH
def test_set_env_and_learn_again(make):
    model = make().learn(32)
    model.set_env(sudoku(seed=5))
    model.learn(32)
    assert model.num_timesteps == 32


@pytest.mark.parametrize(("cls", "policy"), [(UPITRM, "TRMPolicy"), (HindsightTRM, "TokenPolicy")])
def test_gymnasium_vector_environment_as_it_is(cls, policy, tmp_path):
    """No adapter needs to be named, and a save in its midst loses nothing."""
    gym.register_envs(trm_envs)
    keywords = {**EASY, "autoreset_mode": AutoresetMode.SAME_STEP}

    def native():
        return gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=4, **keywords)

    first = cls(policy, native(), **SMALL).learn(96)
    assert first.ep_info_buffer
    first.save(tmp_path / "model.zip")
    resumed = cls.load(tmp_path / "model.zip", env=native(), device="cpu", force_reset=False)
    first.learn(32, reset_num_timesteps=False)
    resumed.learn(32, reset_num_timesteps=False)
    assert_same_weights(weights(first), weights(resumed))
    with pytest.raises(ValueError, match="SAME_STEP"):
        cls(policy, gym.make_vec("SudokuPlanEdit-4x4-v0", num_envs=2), **SMALL)


def test_environment_passes_sb3s_checker():
    check_env(gym.make(ID).unwrapped, warn=True)


@pytest.mark.parametrize("name", ["default", "hindsight-carried"])
def test_evaluation_by_sb3_plays_as_predict_does(name):
    """`EvalCallback` hands the state and the episode starts on: its episodes are those of a loop by hand."""
    model = agent(name).learn(96)
    env = sudoku(n_envs=1, seed=11)
    seen: list[float] = []

    class Rewards(EvalCallback):
        def _log_success_callback(self, locals_, globals_):
            if locals_["done"]:
                seen.append(float(locals_["info"]["episode"]["l"]))

    callback = Rewards(env, eval_freq=1, n_eval_episodes=3, deterministic=True, verbose=0)
    callback.init_callback(model)
    env.seed(11)
    callback.n_calls = 1
    callback._on_step()
    by_hand, state, starts = [], None, np.ones(1, bool)
    env.seed(11)
    observation, length = env.reset(), 0
    while len(by_hand) < 3:
        actions, state = model.predict(observation, state, starts, deterministic=True)
        observation, _, starts, _ = env.step(actions)
        length += 1
        if starts[0]:
            by_hand.append(float(length))
            length = 0
    assert seen == by_hand


def test_every_hindsight_variant_is_one():
    assert all(isinstance(agent(name), HindsightTRM) == (name in HINDSIGHT_VARIANTS) for name in VARIANTS)


@pytest.mark.parametrize("name", ["default", "exact", "hindsight"])
def test_evaluation_with_masks_plays_as_evaluation_without(name):
    """The environment's masks forbid nothing that the policies would do."""
    model = agent(name).learn(64)
    results = []
    for evaluate in (evaluate_policy, evaluate_masked):
        env = sudoku(n_envs=2, seed=11)
        results.append(evaluate(model, env, n_eval_episodes=4, return_episode_rewards=True))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["default", "exact", "hindsight", "hindsight-carried"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_masks_restrict_the_policy(name, deterministic):
    model = agent(name).learn(64)
    observation = sudoku().reset()
    policy = model.policy.action_probabilities({k: torch.as_tensor(v) for k, v in observation.items()}).detach()
    last = (policy > 0).int().cumsum(1).argmax(1)
    masks = torch.nn.functional.one_hot(last, policy.shape[1]).numpy()
    actions, _ = model.predict(observation, deterministic=deterministic, action_masks=masks)
    assert np.array_equal(actions, last.numpy())
    single = {key: value[0] for key, value in observation.items()}
    action, _ = model.predict(single, deterministic=deterministic, action_masks=masks[0].astype(bool))
    assert action.shape == () and action == last[0]
    with pytest.raises(ValueError, match=r"leave no action of the policy in rows \[1\]: allow one"):
        model.predict(observation, action_masks=masks * np.array([[1], [0], [1], [1]]))
    with pytest.raises(ValueError, match=r"must be of shape \(4, \d+\), got \(1, \d+\)"):
        model.predict(observation, action_masks=masks[:1])
