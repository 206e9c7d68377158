"""Which algorithm a saved model is of, and loading it as that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from gymnasium.vector import VectorEnv
from sb3_contrib import TRPO, MaskablePPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.type_aliases import GymEnv

from trm_agents.common.files import module_told, read_members
from trm_agents.common.model_files import load_sb3, read_model
from trm_agents.hindsight import HindsightTRM
from trm_agents.recursive_policies import RecursiveMaskablePolicy, document, policies
from trm_agents.reinforce import REINFORCE
from trm_agents.trc import TRC
from trm_agents.upi_trm import UPITRM

ActorCritic = PPO | A2C | TRPO | MaskablePPO | REINFORCE
"""Algorithms that learn with a recursive policy of actor and critic."""
PuzzleAgent = UPITRM | HindsightTRM | ActorCritic
"""What edits the plans of puzzles, or walks through them."""
Agent = PuzzleAgent | TRC
"""What the zoo holds."""
Algorithm = type[UPITRM] | type[HindsightTRM] | type[TRC] | type[ActorCritic]

_RECURSIVE = (policies.__name__, document.__name__)
_MARKS: dict[str, type[ActorCritic]] = {"clip_range": PPO, "cg_max_steps": TRPO, "n_episodes": REINFORCE}
"""Attributes that tell algorithms apart whose policy is of one class; A2C has none of them."""


def algorithm_of(file: Path) -> Algorithm:
    """The algorithm that wrote a file, told by its policy.

    Raises:
        ValueError: the file is no saved model, or one of another algorithm.
    """
    try:
        data = json.loads(read_members(file, "data")["data"])
        module = module_told(data["policy_class"])
    except (KeyError, TypeError, ValueError, RecursionError):
        module = ""
    if not module:
        raise ValueError(f"{file} is not a saved model: name a file that model.save has written")
    if module in _RECURSIVE:
        return _of_recursive(file, set(data))
    known: tuple[Algorithm, ...] = (UPITRM, HindsightTRM, TRC)
    for algorithm in known:
        if module.split(".")[:2] == algorithm.__module__.split(".")[:2]:
            return algorithm
    raise ValueError(
        f"{file} is no UPITRM, HindsightTRM or TRC, and no actor-critic with a recursive policy (its policy is from "
        f"{module}): trm knows no other agents"
    )


def _of_recursive(file: Path, attributes: set[str]) -> type[ActorCritic]:
    policy = read_model(file, replaced=attributes - {"policy_class"}).data["policy_class"]
    if issubclass(policy, RecursiveMaskablePolicy):
        return MaskablePPO
    return next((algorithm for mark, algorithm in _MARKS.items() if mark in attributes), A2C)


def loaded(
    file: Path,
    env: GymEnv | VectorEnv[Any, Any, Any] | None = None,
    device: torch.device | str = "auto",
    trust: bool = False,
) -> Agent:
    """The model of a file, as the algorithm that wrote it; read as data unless it is trusted.

    Raises:
        ValueError: see `algorithm_of`, and `read_model`; or the environment has other spaces.
    """
    algorithm: Any = algorithm_of(file)
    if issubclass(algorithm, UPITRM | HindsightTRM | TRC | REINFORCE):
        own: Agent = algorithm.load(file, env=env, device=device, trust=trust)
        return own
    model: Any = load_sb3(algorithm, file, trust=trust, env=env, device=device)
    agent: Agent = model
    return agent
