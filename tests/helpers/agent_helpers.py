"""Small agents and puzzles for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from trm_agents import (
    UPITRM,
    Attention,
    Cells,
    CertifiedExactCover,
    CostToGo,
    Exact,
    HindsightTRM,
    Outcome,
    SafeStep,
    Search,
    Survival,
    TokenPolicy,
    Violations,
)
from trm_agents.survival import EditTarget
from trm_agents.theory.clamped import ClampedExactCover
from trm_envs.plan_edit.spaces import observation_space, observe

SOLVED = np.array([1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1], np.int8)


def puzzle(*blanks: int):
    x = SOLVED.copy()
    x[list(blanks)] = 0
    return x


ID = "trm_envs:SudokuPlanEdit-4x4-v0"
EASY = {"blanks": (1, 4)}
SMALL = {"n_steps": 8, "batch_size": 16, "seed": 3, "device": "cpu"}
UPI_TRM = {**SMALL, "n_epochs": 2}
HINDSIGHT = {**SMALL, "min_buffer_size": 1, "unroll": 3, "policy_kwargs": {"width": 8}}

UPI_TRM_VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "readout": {"advantage": "readout"},
    "readout-no-checker": {"advantage": "readout", "checker_weight": 0.0},
    "exact": {"mixture": Exact(0.3, capacity=3)},
    "safe": {"mixture": Exact(SafeStep(), capacity=3)},
    "clamped": {"policy_kwargs": {"core": ClampedExactCover(), "radius": None}},
    "certified": {"policy_kwargs": {"core": CertifiedExactCover(0.9)}},
    "stage0": {"checker_weight": 1.0},
    "last-step-loss": {"deep_supervision": False, "unroll": 3},
}
SURVIVAL_VARIANTS: dict[str, dict[str, Any]] = {
    "survival": {"target": Survival(warm_up=0.5), "unroll": 3, "train_unroll": (1, 4, 2)},
    "survival-exact": {"target": Survival(warm_up=0.0, rounds=1), "mixture": Exact(0.3, capacity=3)},
    "survival-own-plans": {"target": Survival(warm_up=0.0, own_plans=True, anchored="solved"), "unroll": 3},
    "outcome": {"target": Outcome(steps=2), "unroll": 3},
    "cost-to-go": {"target": CostToGo(), "unroll": 3},
    "violations": {"target": Violations(), "unroll": 3},
}
HINDSIGHT_VARIANTS: dict[str, dict[str, Any]] = {
    "hindsight": {},
    "hindsight-clamped": {"policy_kwargs": {"core": ClampedExactCover()}},
    "hindsight-certified": {"policy_kwargs": {"core": CertifiedExactCover(0.9)}},
    "hindsight-cells": {"policy_kwargs": {"core": Cells()}},
    "hindsight-attention": {"policy_kwargs": {"core": Attention(layers=1)}},
    "hindsight-carried": {"unroll": 4, "carry_unroll": 2, "train_unroll": (1, 4, 2)},
    "hindsight-search": {"search": Search(instances=2, calls=5, solutions=2), "train_unroll": (1, 3, 1)},
}
VARIANTS = {**UPI_TRM_VARIANTS, **SURVIVAL_VARIANTS, **HINDSIGHT_VARIANTS}


def sudoku(n_envs=4, seed=0, **kwargs):
    env = make_vec_env(ID, n_envs=n_envs, seed=seed, env_kwargs={**EASY, **kwargs})
    env.seed(seed)
    return env


def upi_trm(env=None, **kwargs) -> UPITRM:
    policy = "EditPolicy" if isinstance(kwargs.get("target"), EditTarget) else "TRMPolicy"
    return UPITRM(policy, sudoku() if env is None else env, **{**UPI_TRM, **kwargs})


def hindsight_trm(env=None, **kwargs) -> HindsightTRM:
    policy_kwargs = {"policy_kwargs": {**HINDSIGHT["policy_kwargs"], **kwargs.pop("policy_kwargs", {})}}
    return HindsightTRM("TokenPolicy", sudoku() if env is None else env, **{**HINDSIGHT, **kwargs, **policy_kwargs})


def agent(variant="default", env=None, **kwargs) -> UPITRM | HindsightTRM:
    """A fresh agent of a variant, of one class or the other, in four environments of easy puzzles."""
    make = hindsight_trm if variant in HINDSIGHT_VARIANTS else upi_trm
    return make(env, **{**VARIANTS[variant], **kwargs})


def token_policy(mdp, seed=0, steep=True, **kwargs) -> TokenPolicy:
    """A policy with random weights; `steep` ones read something of a state, fresh ones nothing."""
    torch.manual_seed(seed)
    kwargs = {"unroll": 4, "width": 8, **kwargs}
    made = TokenPolicy(observation_space(mdp), spaces.Discrete(mdp.n_actions), lambda _: 1e-3, mdp=mdp, **kwargs)
    if steep:
        torch.nn.init.normal_(made.network.weight)
        made.averaged.load_state_dict(made.network.state_dict())
    return made


def scrambled(core, **kwargs) -> HindsightTRM:
    """An untrained agent of a core; its readout is zero until something is written there."""
    model = hindsight_trm(policy_kwargs={"width": 8, "core": core}, **kwargs)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.policy.averaged.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def tensors(states):
    return {key: torch.as_tensor(value) for key, value in observe(states).items()}


def weights(model):
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name
