"""Which algorithm a saved model is of."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from stable_baselines3 import PPO

from trm_agents.common.files import module_told, read_members
from trm_agents.common.model_files import as_sb3, read_model
from trm_agents.hindsight import HindsightTRM
from trm_agents.trc import TRC
from trm_agents.upi_trm import UPITRM


class RecursivePPO(PPO):
    """PPO with a recursive policy; files are read as data unless they are trusted."""

    @classmethod
    def load(cls, path: Any, env: Any = None, *, trust: bool = False, **kwargs: Any) -> RecursivePPO:  # type: ignore[override]
        """As `PPO.load`."""
        file, objects = as_sb3(read_model(path, trust))
        model: RecursivePPO = super().load(file, env=env, custom_objects=objects, **kwargs)
        return model


Agent = UPITRM | HindsightTRM | TRC | RecursivePPO
"""What the zoo holds."""
Algorithm = type[UPITRM] | type[HindsightTRM] | type[TRC] | type[RecursivePPO]


def algorithm_of(file: Path) -> Algorithm:
    """The algorithm that wrote a file, told by its policy's module.

    Raises:
        ValueError: the file is no saved model, or one of another algorithm.
    """
    try:
        module = module_told(json.loads(read_members(file, "data")["data"])["policy_class"])
    except (KeyError, TypeError, ValueError, RecursionError):
        module = ""
    if not module:
        raise ValueError(f"{file} is not a saved model: name a file that model.save has written")
    if module == "trm_agents.recursive_policies.policies":
        # Importing it lets the file name its classes.
        import_module(module)
        return RecursivePPO
    known: tuple[type[UPITRM] | type[HindsightTRM] | type[TRC], ...] = (UPITRM, HindsightTRM, TRC)
    for algorithm in known:
        if module.split(".")[:2] == algorithm.__module__.split(".")[:2]:
            return algorithm
    raise ValueError(
        f"{file} is no UPITRM, HindsightTRM, TRC or PPO with a RecursivePolicy (its policy is from {module}): trm "
        "knows no other agents"
    )
