"""Small models of the registry's rows for tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from baselines import METHODS
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.sudoku.env import sudoku_problem

ENV_ID = "SudokuPlanEdit-4x4-v0"
STEPS = 64


def small(name: str, seed: int = 0, env_id: str = ENV_ID, **env_kwargs: Any) -> BaseAlgorithm:
    """A row's model whose first update comes within `STEPS` steps."""
    row = METHODS[name]
    shortened: dict[str, Any] = {"n_steps": 4} if "n_steps" in row.hyperparameters or row.resumes_exactly else {}
    if "learning_starts" in row.hyperparameters:
        shortened["learning_starts"] = 16
    if name.endswith("reinforce"):
        shortened = {"n_episodes": row.n_envs}
    if "batch_size" in row.hyperparameters:
        shortened["batch_size"] = 32
    n_envs = row.n_envs
    if row.family == "hindsight":
        # The first solved episode is learned from, and the checker's advice helps to one.
        shortened |= {"min_buffer_size": 1, "checker_steps": 100_000}
        n_envs = 4
    small = dataclasses.replace(row, n_envs=n_envs, hyperparameters={**row.hyperparameters, **shortened})
    return small.make(env_id, env_kwargs, seed)


def problem_states(level: str = "givens", count: int = 6) -> tuple[PlanEditMDP, PlanStates]:
    mdp, source = sudoku_problem(4, split="validation", legal_actions=level)
    rng = np.random.default_rng(0)
    return mdp, mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))
