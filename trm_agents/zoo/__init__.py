"""Trained agents that come with the package: `zoo.load("upi-trm-sudoku-4x4")` is ready to predict.

Each is two files of `agents/`: NAME.zip, a slim SB3 file (see `slim`), and NAME.json, its `Card`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.type_aliases import GymEnv

from trm_agents import presets
from trm_agents.zoo.algorithms import Agent, loaded
from trm_agents.zoo.cards import Card, ControlCard, Score, read_card
from trm_agents.zoo.slimming import slim

__all__ = ["AGENTS", "MAX_BYTES", "Card", "ControlCard", "Score", "attempts", "card", "load", "names", "path", "slim"]

AGENTS = Path(__file__).parent / "agents"
MAX_BYTES = 2_000_000
"""Largest agent file that is shipped."""


def names() -> list[str]:
    """Names of the shipped agents, sorted."""
    return sorted(file.stem for file in AGENTS.glob("*.json"))


def card(name: str) -> Card:
    """Where an agent comes from and what it can do.

    Raises:
        ValueError: there is no agent of this name.
    """
    if name not in names():
        raise ValueError(f"unknown agent {name!r}; the zoo has: {', '.join(names())}")
    return read_card(AGENTS / f"{name}.json")


def path(name: str) -> Path:
    """The agent's file, which the `load(path, env=env)` of its algorithm reads too.

    Raises:
        ValueError: there is no agent of this name, or its file is not the one that its card describes.
    """
    described, file = card(name).sha256, AGENTS / f"{name}.zip"
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != described:
        raise ValueError(f"{file.name} has SHA-256 {found}, its card says {described}: install the package again")
    return file


def load(name: str, env: GymEnv | VectorEnv[Any, Any, Any] | None = None, device: torch.device | str = "auto") -> Agent:
    """A shipped agent, ready to `predict`, and to `learn` on with a fresh optimiser.

    Args:
        name: one of `names()`.
        env: where it is to act; by default the environment that its card names. Another one must have the same
            spaces, so the same edit budget. The seed of training is not set again: no global generator changes.
        device: torch device.

    Raises:
        ValueError: there is no agent of this name, its file is damaged, or the spaces of `env` are others.
    """
    file, about = path(name), card(name)
    if env is None:
        # The prefix lets Gymnasium import the package that registers the id.
        env = gym.make(f"trm_envs:{about.env_id}", **about.env_kwargs)
    return loaded(file, env, device)


def attempts(name: str) -> dict[str, Any]:
    """Keywords of `Attempts` that the agent was measured with: `Attempts(load(name), **attempts(name))`.

    Raises:
        ValueError: there is no agent of this name, or it was not measured with attempts.
    """
    settings = card(name).attempts
    if not settings:
        raise ValueError(f"{name!r} was measured as a policy alone; choose the number of attempts: Attempts(model, 32)")
    return presets.solver_keywords(settings)
