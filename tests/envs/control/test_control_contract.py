"""Every id of a system against Gymnasium's and SB3's checkers, and the promises of the single environment."""

from __future__ import annotations

import importlib
import json
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pytest
from control_helpers import EDITS, IDS, PLAN_EDIT, ROWS, STEPWISE, Brake, an_instance, some_action
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env as gymnasium_check
from plan_edit_helpers import same
from stable_baselines3.common.env_checker import check_env as sb3_check

import trm_envs
from trm_envs.control.stepwise import ControlEnv, ControlVectorEnv

plt.switch_backend("Agg")


def walk(env: gym.Env[Any, Any], seed: int, steps: int = 20) -> list[Any]:
    """Everything an environment says during a random walk."""
    rng = np.random.default_rng(seed)
    trace: list[Any] = [env.reset(seed=seed)]
    for _ in range(steps):
        trace.append(env.step(some_action(rng, env.action_space)))
        if trace[-1][2]:
            trace.append(env.reset())
    return trace


def test_every_row_of_the_table_can_be_made() -> None:
    for row in ROWS:
        module = importlib.import_module(f"trm_envs.control.{row.system}")
        bases = (
            (trm_envs.ControlEditEnv, trm_envs.ControlEditVectorEnv)
            if row.id in PLAN_EDIT
            else (ControlEnv, ControlVectorEnv)
        )
        assert issubclass(getattr(module, f"{row.prefix}Env"), bases[0])
        assert issubclass(getattr(module, f"{row.prefix}VectorEnv"), bases[1])
    assert len(set(IDS)) == len(PLAN_EDIT) + len(STEPWISE) == 8


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array", "human"])
def test_checkers_without_a_warning(env_id: str, render_mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plt, "pause", lambda interval: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode=render_mode).unwrapped
        gymnasium_check(env, skip_render_check=render_mode == "human")
        sb3_check(env, skip_render_check=render_mode == "human")
        env.close()


@pytest.mark.parametrize("env_id", PLAN_EDIT)
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("observe", ["error", "gradient"])
def test_checkers_with_every_edit_and_observation(env_id: str, edit: str, observe: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, edit=edit, observe=observe, accept="improving", max_edits=3).unwrapped
        gymnasium_check(env)
        sb3_check(env)


def test_checkers_on_a_task_of_the_users() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mdp = trm_envs.ControlEditMDP(Brake(), max_edits=3)
        env = trm_envs.ControlEditEnv(mdp, trm_envs.InstancePool(np.array([[10.0], [20.0]]), float))
        gymnasium_check(env, skip_render_check=True)
        sb3_check(env)


@pytest.mark.parametrize("env_id", IDS)
def test_wild_actions_stay_within_the_observation_space(env_id: str) -> None:
    rng = np.random.default_rng(0)
    for options in ({}, {"generate": True}, {"split": "test", "ood": True}):
        env = gym.make(env_id, **options)
        for seed in range(10):
            env.reset(seed=seed)
            ended = False
            while not ended:
                observation, reward, ended, truncated, _ = env.step(1e3 * rng.standard_normal(env.action_space.shape))
                assert env.observation_space.contains(observation) and np.isfinite(reward) and not truncated


@pytest.mark.parametrize("env_id", IDS)
def test_the_spec_survives_json(env_id: str) -> None:
    env = gym.make(f"trm_envs:{env_id}", split="validation")
    assert env.spec is not None
    same(walk(env, 3), walk(gym.make(EnvSpec.from_json(env.spec.to_json())), 3))
    if "VanDerPol" in env_id:
        env = gym.make(env_id, mu=(0.5, 2.0))
        assert env.spec is not None and json.loads(env.spec.to_json())["kwargs"]["mu"] == [0.5, 2.0]
        same(walk(env, 3), walk(gym.make(EnvSpec.from_json(env.spec.to_json())), 3))


@pytest.mark.parametrize("env_id", IDS)
def test_the_seed_decides_everything(env_id: str) -> None:
    for options in ({}, {"generate": True}):
        same(walk(gym.make(env_id, **options), 5), walk(gym.make(env_id, **options), 5))
        first, other = (gym.make(env_id, **options).reset(seed=seed)[0] for seed in (5, 6))
        assert str(first) != str(other)


@pytest.mark.parametrize("env_id", IDS)
def test_pickles_and_states_go_on_where_they_were(env_id: str) -> None:
    env, other = gym.make(env_id, retry=0.5).unwrapped, gym.make(env_id, retry=0.5).unwrapped
    walk(env, 1, steps=3)
    copy = pickle.loads(pickle.dumps(env))
    other.get_wrapper_attr("set_state")(pickle.loads(pickle.dumps(env.get_wrapper_attr("get_state")())))
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = some_action(rng, env.action_space)
        steps = [each.step(action) for each in (env, copy, other)]
        same(steps[0], steps[1])
        same(steps[0], steps[2])
        if steps[0][2]:
            resets = [each.reset() for each in (env, copy, other)]
            same(resets[0], resets[1])
            same(resets[0], resets[2])


@pytest.mark.parametrize("env_id", IDS)
def test_calls_share_no_arrays(env_id: str) -> None:
    trace = walk(gym.make(env_id), 2, steps=6)
    frozen = pickle.loads(pickle.dumps(trace))
    arrays: list[Any] = []
    for entry in trace:
        arrays += entry[0].values() if isinstance(entry[0], dict) else [entry[0]]
    for number, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:number])
    same(trace, frozen)


@pytest.mark.parametrize("env_id", IDS)
def test_actions_that_are_none_are_refused_with_their_value(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    good = np.zeros(env.action_space.shape, np.float32)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step"):
        env.step(good)
    env.reset(seed=0)
    for value in (np.nan, np.inf):
        bad = good.copy()
        bad[-1] = value
        with pytest.raises(InvalidAction, match=rf"must be finite, got {value} at index \({len(bad) - 1},\)"):
            env.step(bad)
    with pytest.raises(InvalidAction, match=rf"shape \({len(good)},\), got shape \({len(good) + 1},\)"):
        env.step(np.zeros(len(good) + 1))
    for wrong in (good.astype(bool), good.astype(str), good.astype(complex)):
        with pytest.raises(TypeError, match="must be real numbers"):
            env.step(wrong)
    np.testing.assert_equal(env.step(good)[2], False)


SYSTEM_FAULTS = [
    ({"split": "dev"}, ValueError, "split must be 'train', 'validation' or 'test', got 'dev'"),
    ({"spilt": "test"}, TypeError, "unknown keyword 'spilt'; the keywords are .*split"),
    ({"ood": True}, ValueError, "use ood with split='validation' or 'test'"),
    ({"ood": True, "generate": True}, ValueError, "use ood with split='validation' or 'test'"),
    ({"split": "test", "generate": True}, ValueError, "one source, but several are asked for: generate, split"),
    ({"instances": np.zeros((1, 2)), "ood": True}, ValueError, "leave it out with instances="),
    ({"instances": np.zeros((0, 2))}, ValueError, "at least one instance, got none"),
    ({"instances": [["a", "b"]]}, ValueError, "instances must be an array of real numbers, got dtype"),
    ({"instances": [[1.0], [1.0, 2.0]]}, ValueError, "instances must be an array of real numbers"),
    ({"instances": [[0.0, np.nan]]}, ValueError, "instance 0 has nan at index 1: give finite numbers"),
    ({"instances": [[0.0, 0.0], [3.5, 0.0]]}, ValueError, r"instance 1 has 3.5 at index 0: .* within \[-3, 3\]"),
    ({"instances": [0.0, 0.0]}, ValueError, r"instances must have shape \(B, 2\), got shape \(2,\)"),
    ({"curriculum": [0.5, 5.0]}, ValueError, r"largest states.*got \[0.5, 5.0\]"),
    ({"curriculum": []}, ValueError, "largest states"),
    ({"curriculum": [1.0], "split": "test"}, ValueError, "leave curriculum out"),
    ({"retry": 2}, ValueError, r"retry must be within \[0, 1\]"),
    ({"render_mode": "video"}, ValueError, "render_mode must be None or one of"),
]


@pytest.mark.parametrize(("keywords", "error", "message"), SYSTEM_FAULTS)
@pytest.mark.parametrize("env_id", ["ControlPlanEdit-DoubleIntegrator-v0", "Control-DoubleIntegratorTight-v0"])
def test_bad_keywords_are_refused_with_a_remedy(env_id: str, keywords: Any, error: Any, message: str) -> None:
    with warnings.catch_warnings(), pytest.raises(error, match=message):
        warnings.simplefilter("ignore")
        gym.make(env_id, disable_env_checker=True, **keywords)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"mu": 10**400}, r"mu must be a number or a range \(low, high\) within \[0, 3\], got 1000"),
        ({"mu": -0.1}, r"mu must be a number or a range \(low, high\) within \[0, 3\], got -0.1"),
        ({"mu": "1"}, "got '1'"),
        ({"mu": (2.0, 1.0)}, r"got \(2.0, 1.0\)"),
        ({"mu": float("nan")}, "got nan"),
        ({"mu": (1.0, 2.0, 3.0)}, r"within \[0, 3\]"),
        ({"mu": (0.5, 1.5)}, r"one mu and for mu=\(0.5, 2.0\).*or generate=True"),
        ({"edit": "gains"}, "edit must be one of .*'feedback'.*got 'gains'"),
        ({"observe": "costates"}, "observe must be one of .*got 'costates'"),
        ({"max_edits": 2.5}, "max_edits must be a whole number"),
    ],
)
def test_bad_keywords_of_van_der_pol(keywords: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gym.make("ControlPlanEdit-VanDerPol-v0", **keywords)


@pytest.mark.parametrize("env_id", IDS)
def test_reset_takes_an_instance(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    instance = an_instance(env_id)
    twice = [env.reset(options={"instance": given}) for given in (instance, np.array(instance))]
    same(twice[0], twice[1])
    for wrong, message in (
        ({"state": instance}, r"unknown reset options \['state'\]; the only one is 'instance'"),
        ({"instance": instance[:1]}, r"must have shape \(\d,\), got \(1,\)"),
        ({"instance": "1, 2"}, "must be an array of real numbers"),
        ({"instance": [np.inf, *instance[1:]]}, "has inf at index 0: give finite numbers"),
        ({"instance": [9e3, *instance[1:]]}, r"has 9000 at index 0: give a number within \[-(3|4000), (3|4000)\]"),
    ):
        with pytest.raises(ValueError, match=message):
            env.reset(options=wrong)


def test_mu_is_what_the_keyword_says() -> None:
    def mu(**keywords: Any) -> Any:
        env = gym.make("Control-VanDerPol-v0", **keywords).unwrapped
        return np.array([env.reset(seed=seed)[0][2] * 1.5 + 1.5 for seed in range(40)])

    np.testing.assert_allclose(mu(), 1.0, atol=1e-6)
    np.testing.assert_allclose(mu(mu=1.3, split="test"), 1.3, atol=1e-6)
    for keywords, low, high in (({"mu": (0.5, 2.0)}, 0.5, 2.0), ({"mu": [0.2, 0.4], "generate": True}, 0.2, 0.4)):
        drawn = mu(**keywords)
        assert low <= drawn.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < drawn.max() <= high


@pytest.mark.parametrize("generate", [False, True])
def test_a_curriculum_begins_with_small_states(generate: bool) -> None:
    env = gym.make("Control-DoubleIntegrator-v0", curriculum=[0.5, 2.0], generate=generate).unwrapped
    norms = [np.abs(env.reset(seed=seed)[0][:2]).max() * 3 for seed in range(50)]
    assert 0.2 < max(norms) <= 0.5
    # A linear feedback succeeds from everywhere here, and 100 successes are more than 80 % of the window.
    for _ in range(101):
        ended, (observation, _) = False, env.reset()
        while not ended:
            p, v = 3.0 * observation[:2].astype(float)
            observation, _, ended, _, info = env.step(np.array([-(3.0 * p + 3.0 * v) / 4.0]))
        assert info["is_success"]
    assert env.get_wrapper_attr("source").progress["stage"] == 1


def test_a_fresh_process_imports_nothing_heavy() -> None:
    code = (
        "import sys, gymnasium, trm_envs\n"
        "for row in trm_envs.CONTROL_ENVIRONMENTS:\n"
        "    env = gymnasium.make(row.id, render_mode='ansi'); env.reset(seed=0); env.render()\n"
        "    gymnasium.make_vec(row.id, num_envs=2).reset(seed=0)\n"
        "print([name for name in ('torch', 'stable_baselines3', 'matplotlib', 'PIL', 'casadi')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
