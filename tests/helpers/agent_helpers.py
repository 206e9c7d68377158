"""Small agents and puzzles for tests."""

import numpy as np
import torch
from stable_baselines3.common.env_util import make_vec_env

from trm_agents import UPITRM

SOLVED = np.array([1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1], np.int8)


def puzzle(*blanks: int):
    x = SOLVED.copy()
    x[list(blanks)] = 0
    return x


ID = "trm_envs:SudokuPlanEdit-4x4-v0"
EASY = {"blanks": (1, 4)}
HINDSIGHT = {"target": "hindsight", "learning_starts": 1, "unroll": 3, "policy_kwargs": {"width": 8}}
SMALL = {"n_steps": 8, "batch_size": 16, "n_epochs": 2, "seed": 3, "device": "cpu"}


def sudoku(n_envs=4, seed=0, **kwargs):
    env = make_vec_env(ID, n_envs=n_envs, seed=seed, env_kwargs={**EASY, **kwargs})
    env.seed(seed)
    return env


def agent(env=None, **kwargs):
    return UPITRM("TRMPolicy", sudoku() if env is None else env, **{**SMALL, **kwargs})


def weights(model):
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name
