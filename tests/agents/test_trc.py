"""TRC as an SB3 algorithm: it learns, resumes to the bit, carries latents, keeps the bounds, and fails by name."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import assert_same_weights, weights
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import KVWriter, Logger
from trc_helpers import DESCENT, SMALL, TIGHT, VDP, trc

from baselines.control_lines import gaps
from trm_agents import TRC, presets
from trm_agents.trc.playing import play
from trm_envs.control.sources import pool_instances

STEP = 16
"""Timesteps of a gradient step of a small controller."""


class SaveAt(BaseCallback):
    def __init__(self, steps, path):
        super().__init__()
        self.steps, self.path = steps, path

    def _on_step(self):
        if self.num_timesteps == self.steps:
            self.model.save(self.path)
        return self.num_timesteps < self.steps


def validation(model):
    return pool_instances("control-double-integrator", "validation")


def test_it_learns_the_tight_double_integrator_in_a_few_hundred_steps():
    settings = presets.settings("trc", TIGHT)
    model = TRC("TRCPolicy", f"trm_envs:{TIGHT}", seed=0, device="cpu", **settings)
    assert sum(p.numel() for p in model.policy.network.parameters()) < 20_000
    model.learn(150 * model.batch_size * model.unroll)
    instances = validation(model)
    played = play(model, model.mdp, instances, 5)
    gap = gaps(model.mdp.task, instances, played.plans)
    assert gap.min() > -1e-6, "no plan is better than the reference optimum"
    assert gap.mean() < 0.02 and played.checks.success.mean() > 0.95
    np.testing.assert_array_equal(played.checks.cost, played.best[:, -1])


def test_it_learns_edits_of_a_window():
    """One window of ten steps cannot reach the target from most states, further ones can."""
    model = trc(gym.make(TIGHT, edit="window"), **presets.settings("trc", TIGHT))
    instances = validation(model)
    before = gaps(model.mdp.task, instances, play(model, model.mdp, instances, 10).plans).mean()
    model.learn(100 * model.batch_size * model.unroll)
    costs = play(model, model.mdp, instances, 10)
    after = gaps(model.mdp.task, instances, costs.plans).mean()
    assert before > 100.0 and after < 3.0
    assert (costs.best[:, 10] < costs.best[:, 2]).mean() > 0.9
    assert costs.best[:, 10].mean() < 0.5 * costs.best[:, 1].mean()


def test_it_learns_from_costs_alone():
    model = trc(credit="antithetic", pairs=60, batch_size=16, learning_rate=4e-3, policy_kwargs={})
    instances = validation(model)
    before = gaps(model.mdp.task, instances, play(model, model.mdp, instances, 3).plans).mean()
    model.learn(60 * 32)
    after = gaps(model.mdp.task, instances, play(model, model.mdp, instances, 3).plans).mean()
    assert after < 0.8 and before > 8.0


@pytest.mark.parametrize("kwargs", [{}, {"credit": "antithetic", "pairs": 3}], ids=["adjoint", "antithetic"])
@pytest.mark.parametrize(
    "env",
    [{}, {"retry": 0.5}, {"curriculum": [0.5, 2.0]}, {"edit": "window"}],
    ids=["pool", "retry", "curriculum", "window"],
)
def test_killed_and_resumed_run_equals_an_uninterrupted_one(kwargs, env, tmp_path):
    def make():
        return make_vec_env(f"trm_envs:{TIGHT}", 1, env_kwargs=env)

    whole = trc(make(), **kwargs).learn(10 * STEP)
    trc(make(), **kwargs).learn(10 * STEP, callback=SaveAt(4 * STEP, tmp_path / "killed.zip"))
    resumed = TRC.load(tmp_path / "killed.zip", env=make(), device="cpu", force_reset=False)
    assert resumed.num_timesteps == 4 * STEP
    resumed.learn(6 * STEP, reset_num_timesteps=False)
    assert_same_weights(weights(whole), weights(resumed))
    assert whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    assert (whole.model_queries, whole.gradient_steps_done) == (resumed.model_queries, resumed.gradient_steps_done)
    for mine, other in zip(whole.pool.states, resumed.pool.states, strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(whole.pool.latents, resumed.pool.latents)


def test_saving_what_was_just_loaded_loses_nothing(tmp_path):
    env = make_vec_env(f"trm_envs:{TIGHT}", 1, env_kwargs={"retry": 0.5})
    trc(env).learn(4 * STEP).save(tmp_path / "first.zip")
    results = []
    for file in ("first.zip", "second.zip"):
        fresh = make_vec_env(f"trm_envs:{TIGHT}", 1, env_kwargs={"retry": 0.5})
        loaded = TRC.load(tmp_path / file, env=fresh, device="cpu", force_reset=False)
        loaded.save(tmp_path / "second.zip")
        results.append(weights(loaded.learn(4 * STEP, reset_num_timesteps=False)))
    assert_same_weights(*results)


def test_same_seed_same_result_and_callbacks_change_nothing(tmp_path):
    first = trc().learn(6 * STEP)
    callbacks = [
        EvalCallback(make_vec_env(f"trm_envs:{TIGHT}"), eval_freq=2, n_eval_episodes=1, verbose=0),
        CheckpointCallback(2, tmp_path),
    ]
    assert_same_weights(weights(first), weights(trc().learn(6 * STEP, callback=callbacks)))
    assert len(list(tmp_path.iterdir())) == 3
    other = weights(trc(seed=4).learn(6 * STEP))
    assert any(not torch.equal(a, b) for a, b in zip(weights(first).values(), other.values(), strict=True))


def test_timesteps_are_edits_and_judged_plans_are_counted_beside_them():
    model = trc(unroll=3).learn(50)
    assert model.num_timesteps == 3 * 24 and model.gradient_steps_done == 3
    assert model.model_queries == 2 * 72
    assert trc(credit="antithetic", pairs=5).learn(STEP).model_queries == 11 * STEP


def test_an_environment_is_left_where_it_is():
    """Training edits plans in the MDP: the environment is reset once, as by any SB3 algorithm, and never stepped."""
    env = gym.make(TIGHT)
    env.unwrapped.step = lambda _: pytest.fail("the environment was stepped")
    assert trc(env).learn(2 * STEP).num_timesteps == 2 * STEP


@pytest.mark.parametrize("env_id", [TIGHT, VDP])
def test_predict_carries_latents_from_edit_to_edit(env_id):
    model = trc(f"trm_envs:{env_id}").learn(5 * STEP)
    rules = model._rules(model.mdp)
    states = model.mdp.initial(model.source.instances[:4])
    observation = rules.observe(states, model.mdp.check(states))
    fresh, first = model.predict(observation)
    assert fresh.shape == (4, model.mdp.task.action_size) and first[0].shape == (4, *model.policy.latent_shape)
    later, _ = model.predict(observation, first)
    assert not np.allclose(fresh, later), "the latents count"
    mixed, second = model.predict(observation, first, np.array([True, False, True, False]))
    np.testing.assert_allclose(mixed[[0, 2]], fresh[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(mixed[[1, 3]], later[[1, 3]], atol=1e-6)
    assert not np.shares_memory(first[0], second[0])
    one, alone = model.predict({key: value[1] for key, value in observation.items()})
    assert one.shape == (model.mdp.task.action_size,)
    np.testing.assert_allclose(one, fresh[1], atol=1e-6)
    np.testing.assert_allclose(alone[0][0], first[0][1], atol=1e-6)
    with pytest.raises(ValueError, match=r"latents of shape \(4, 2, .*got \(1, 2, .*pass what predict returned"):
        model.predict(observation, alone)


def test_evaluation_by_sb3_plays_as_play_does():
    """SB3 hands states and episode starts on: over an episode of 8 edits, rewards are those of `play`."""
    model = trc().learn(20 * STEP)
    instances = model.source.instances[:3]
    costs = play(model, model.mdp, instances, 8).costs
    env = gym.make(TIGHT, instances=instances)
    found = []

    def note(local, _):
        if local["done"]:
            found.append(local["info"]["cost"])

    evaluate_policy(model, env, n_eval_episodes=6, callback=note, warn=False)
    for cost in found:
        assert np.isclose(cost, costs[:, -1], rtol=1e-5).any()


@pytest.mark.parametrize("edit", ["feedback", "plan"])
@pytest.mark.parametrize("env_id", [TIGHT, VDP])
def test_bounds_are_never_exceeded(env_id, edit):
    env = gym.make(env_id, edit=edit)
    model = trc(env, learning_rate=0.5)  # wild weights
    model.learn(10 * STEP)
    task = model.mdp.task
    rules, state, rng = model._rules(model.mdp), None, np.random.default_rng(0)
    instances = rng.uniform(task.instance_low, task.instance_high, (50, task.instance_size))
    states = model.mdp.initial(instances)
    for _ in range(5):
        actions, state = model.predict(rules.observe(states, model.mdp.check(states)), state)
        assert actions.dtype == np.float32 and (np.abs(actions) <= 1.0).all()
        states = model.mdp.transition(states, actions.astype(float)).successors
        assert (np.abs(states.plans) <= task.plan_high).all()
        assert model.mdp.check(states).feasible.all()


def test_the_average_is_deployed():
    model = trc().learn(5 * STEP)
    observation = model.env.reset()
    before, _ = model.predict(observation)
    with torch.no_grad():
        for weight in model.policy.network.parameters():
            weight.zero_()
    np.testing.assert_array_equal(model.predict(observation)[0], before)


def test_exploration_falls_to_nothing_and_keeps_the_bounds():
    model = trc(exploration=0.5).learn(STEP)
    actions = np.tile(np.linspace(-1.0, 1.0, 60), (200, 1))
    for left, size in ((1.0, 0.5), (0.5, 0.25)):
        model._current_progress_remaining = left
        tried = model._explored(actions)
        assert np.abs(tried).max() == 1.0
        assert (tried - actions)[:, 25:35].std() == pytest.approx(size, rel=0.1)
    model._current_progress_remaining = 0.0
    assert model._explored(actions) is actions


@pytest.mark.parametrize("supervision", ["every", "last"])
def test_supervision_decides_which_edits_have_a_loss(supervision, monkeypatch):
    model, losses = trc(supervision=supervision), []
    original = model._edit_pool

    def kept():
        losses.append(original())
        return losses[-1]

    monkeypatch.setattr(model, "_edit_pool", kept)
    model.learn(STEP)
    each = losses[0].detach().mean(dim=1)
    assert len(each) == model.unroll and each[0] != each[1]
    expected = each.mean() if supervision == "every" else each[-1]
    assert model.logger.name_to_value["train/loss"] == pytest.approx(float(expected), rel=1e-6)


class Recorder(KVWriter):
    def __init__(self):
        self.keys: set[str] = set()

    def write(self, key_values, key_excluded, step=0):
        self.keys |= set(key_values)

    def close(self):
        pass


def test_log_has_the_documented_names():
    recorder, model = Recorder(), trc()
    model.set_logger(Logger(folder=None, output_formats=[recorder]))
    model.learn(8 * STEP, log_interval=4)
    assert recorder.keys >= {"rollout/ep_rew_mean", "rollout/ep_len_mean", "rollout/success_rate", "time/fps"}
    own = {key for key in recorder.keys if not key.startswith(("rollout/", "time/"))}
    own -= {"train/n_updates", "train/learning_rate"}
    assert own == {
        *("train/loss", "train/log_cost", "train/age", "train/gradient_norm"),
        *("count/model_queries", "count/gradient_steps"),
    }
    for key in own:
        assert f"`{key}`" in (TRC.__doc__ or ""), key


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_tensorboard_and_progress_bar(tmp_path):
    trc(tensorboard_log=str(tmp_path)).learn(2 * STEP, progress_bar=True)
    (file,) = tmp_path.rglob("events.out.tfevents*")
    assert file.parent.name == "TRC_1"


@pytest.mark.parametrize("lipschitz", [None, 0.9])
def test_load_without_env_predicts_and_policy_saves_alone(tmp_path, lipschitz):
    model = trc(policy_kwargs={**SMALL["policy_kwargs"], "lipschitz": lipschitz}).learn(2 * STEP)
    observation = model.env.reset()
    expected, _ = model.predict(observation)
    model.save(tmp_path / "model.zip")
    loaded = TRC.load(tmp_path / "model.zip", device="cpu")
    np.testing.assert_array_equal(loaded.predict(observation)[0], expected)
    model.policy.save(tmp_path / "policy.pt")
    policy = type(model.policy).load(tmp_path / "policy.pt", device="cpu")
    np.testing.assert_array_equal(policy.predict(observation)[0], expected)


def test_native_vector_environment_and_set_env():
    def native(**kwargs):
        return gym.make_vec(TIGHT, num_envs=4, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs)

    model = trc(native()).learn(2 * STEP)
    few = np.array([[0.5, 0.5], [1.0, -1.0]])
    model.set_env(native(instances=few))
    model.learn(2 * STEP, reset_num_timesteps=False)
    assert {tuple(row) for row in model.pool.states.instances} <= {tuple(row) for row in few}
    assert model.num_timesteps == 4 * STEP


def test_an_observed_gradient_is_read():
    model = trc(gym.make(TIGHT, observe="gradient", edit="plan")).learn(3 * STEP)
    assert model.policy.reader.gradient and model.policy.network.embed.in_features == 7
    observation = {key: value.copy() for key, value in model.env.reset().items()}
    before, _ = model.predict(observation)
    observation["gradient"] = -observation["gradient"]
    assert not np.array_equal(model.predict(observation)[0], before)


def test_where_edits_may_be_refused_the_next_one_is_shorter():
    model = trc(gym.make(TIGHT, accept="improving"), learning_rate=0.5).learn(3 * STEP)  # wild weights
    rules, states = model._rules(model.mdp), model.mdp.initial(validation(model)[:20])
    checks, state, known = model.mdp.check(states), None, np.ones(20, bool)
    lengths = []
    for _ in range(6):
        actions, state = model.predict(rules.observe(states, checks), state)
        lengths.append(np.exp2(-state[1][:, 0]))
        if len(lengths) > 1:
            ratio = lengths[-1] / lengths[-2]
            np.testing.assert_allclose(ratio[~known], 0.5, rtol=1e-5)
            assert (ratio[known] >= 1.0).all()
        done = model.mdp.transition(states, actions.astype(float), checks)
        states, checks, known = done.successors, done.checks, done.accepted
    assert np.min(lengths) < 1.0
    _, fresh = model.predict(rules.observe(states, checks), state, np.arange(20) < 10)
    assert (fresh[1][:10, 0] == 0.0).all() and (fresh[1][10:, 0] > 0.0).any()


def test_an_improving_mdp_never_raises_costs():
    model = trc(gym.make(TIGHT, accept="improving")).learn(5 * STEP)
    costs = play(model, model.mdp, validation(model), 6).costs
    assert (np.diff(costs, axis=1) <= 0.0).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"unroll": 1.5}, "unroll must be a whole number of at least 1, got 1.5: pass an int"),
        ({"restart": 2.0}, r"restart must be within \[0, 1\], got 2.0"),
        ({"exploration": -1.0}, "exploration must not be negative, got -1.0"),
        ({"sigma": 0.0}, "sigma must be positive, got 0.0"),
        ({"ema_decay": 1.0}, r"ema_decay must be within \[0, 1\), got 1.0"),
        ({"credit": "magic"}, r"credit must be one of \('adjoint', 'antithetic'\), got 'magic'"),
        ({"supervision": "none"}, r"supervision must be one of \('every', 'last'\), got 'none'"),
        ({"policy_kwargs": {"patch": 4}}, "patch must divide the 15 steps of a plan, got 4: 1, 3, 5, 15 do"),
        ({"policy_kwargs": {"width": 0}}, "width must be at least 1, got 0"),
        ({"policy_kwargs": {"lipschitz": 1.5}}, "lipschitz must be within .*, got 1.5"),
    ],
)
def test_bad_values_are_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        trc(**kwargs)


def test_other_environments_are_refused_by_name():
    with pytest.raises(ValueError, match=r"edits control plans, .* make one of ControlPlanEdit-"):
        trc("Pendulum-v1")
    with pytest.raises(ValueError, match="writes edits of kind plan or window here, got 'feedback': use edit="):
        trc(gym.make(DESCENT, edit="feedback"))
    with pytest.raises(ValueError, match=r"reads the task's own observations, .* leave out FlattenObservation"):
        trc(FlattenObservation(gym.make(TIGHT)))
    with pytest.raises(AssertionError, match="action space"):
        trc("trm_envs:SudokuPlanEdit-4x4-v0")


def test_diverging_training_stops_and_leaves_finite_weights():
    model = trc()
    next(model.policy.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(FloatingPointError, match=r"diverged: the norm of the gradient is .*; lower learning_rate"):
        model.learn(2 * STEP)
    assert all(weight.isfinite().all() for weight in model.policy.parameters())


def test_unknown_keywords_of_load_are_refused(tmp_path):
    trc().save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match="load takes no keyword n_steps"):
        TRC.load(tmp_path / "model.zip", n_steps=3)
    assert TRC.load(tmp_path / "model.zip", batch_size=4).pool.size == 4


@pytest.mark.parametrize("name", ["trc", "trc-antithetic"])
@pytest.mark.parametrize("env_id", [TIGHT, VDP, DESCENT, "ControlPlanEdit-DoubleIntegrator-v0"])
def test_presets_are_keywords_of_the_constructor(name, env_id):
    made = presets.settings(name, env_id)
    model = TRC("TRCPolicy", f"trm_envs:{env_id}", device="cpu", **made)
    first, last = presets.data(name, env_id)["learning_rate"]
    assert [model.lr_schedule(left) for left in (1.0, 0.0)] == pytest.approx([first, last])
    assert model.credit == ("antithetic" if name.endswith("antithetic") else "adjoint")
    assert sum(p.numel() for p in model.policy.network.parameters()) < 20_000
    assert SMALL["batch_size"] < model.batch_size
