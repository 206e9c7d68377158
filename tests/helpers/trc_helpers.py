"""Small controllers for tests."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

import trm_envs
from trm_agents import TRC
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates
from trm_envs.control.quadratic import QuadraticTask

TIGHT = "ControlPlanEdit-DoubleIntegratorTight-v0"
VDP = "ControlPlanEdit-VanDerPol-v0"
DESCENT = "ControlPlanEdit-PoweredDescent-v0"
SMALL: dict[str, Any] = {
    "batch_size": 8,
    "seed": 3,
    "device": "cpu",
    "policy_kwargs": {"width": 8, "hidden_time": 8},
}

gym.register_envs(trm_envs)


def trc(env: Any = f"trm_envs:{TIGHT}", **kwargs: Any) -> TRC:
    """A fresh small controller; `kwargs` replace its settings."""
    return TRC("TRCPolicy", env, **{**SMALL, **kwargs})


def visited(task: QuadraticTask, count: int, rng: np.random.Generator) -> tuple[ControlEditMDP, ControlStates]:
    """States all over the range that a task allows, with plans that stay off the bounds."""
    mdp = ControlEditMDP(task)
    instances = rng.uniform(task.instance_low, task.instance_high, (count, task.instance_size)) / 3.0
    plans = rng.uniform(-0.3, 0.3, (count, task.plan_size)) * task.plan_high
    return mdp, mdp.initial(instances)._replace(plans=plans)
