"""Which classes a model file may name: a file is data, and what it names is on a list or refused."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from stable_baselines3.common.buffers import BaseBuffer
from torch import nn
from torch.optim import Optimizer

OWN = ("trm_envs", "trm_agents")
"""Packages whose classes a file may name, and which reading it may import."""
KINDS = (nn.Module, Optimizer, BaseBuffer)
"""Classes of these kinds may be named as values, a policy's class for one, where their module is imported already."""
BUILT = frozenset(
    [f"gymnasium.spaces.{name.lower()}:{name}" for name in ("Box", "Discrete", "Dict", "Tuple")]
    + ["gymnasium.spaces.multi_discrete:MultiDiscrete", "gymnasium.spaces.multi_binary:MultiBinary"]
    + [f"stable_baselines3.common.utils:{name}Schedule" for name in ("Float", "Linear", "Constant")]
    + ["stable_baselines3.common.type_aliases:TrainFreq"]
)
"""Classes of other packages whose objects a file may hold."""


class UntrustedError(ValueError):
    """A model file names what is not on the list of what it may hold."""


def path_of(found: type) -> str:
    """`module:name` of a class."""
    return f"{found.__module__}:{found.__qualname__}"


def built_class(path: str) -> type[Any]:
    """A class whose objects a file may hold: their state is set, no constructor runs.

    It is one of ours, one that derives from ours and whose module is imported already, or one of `BUILT`.

    Raises:
        UntrustedError: it is none of these.
    """
    found = _class(path)
    if found is None or not (path in BUILT or _derives_from_ours(found)):
        raise UntrustedError(path.replace(":", "."))
    return found


def named_class(path: str) -> type[Any]:
    """A class that a file may name as a value: one of `built_class`, or of `KINDS`.

    Raises:
        UntrustedError: it is none of these.
    """
    found = _class(path)
    return found if found is not None and issubclass(found, KINDS) else built_class(path)


def _class(path: str) -> type[Any] | None:
    """The class `module:name`; None where there is none without an import of foreign modules."""
    module, _, name = path.partition(":")
    holder = _module(module)
    found = None if holder is None else vars(holder).get(name)
    if found is None and module == "__main__":
        # A script that trained as `__main__` is imported by its own name elsewhere.
        found = _only_one(name)
    return found if isinstance(found, type) else None


def _module(name: str) -> ModuleType | None:
    if name.partition(".")[0] not in OWN or name.endswith("__main__"):
        return sys.modules.get(name)
    try:
        return import_module(name)
    except ImportError:
        return None


def _only_one(name: str) -> type[Any] | None:
    """The one class of a name in imported modules that derives from ours; None where there is none, or several."""
    values = [vars(module).get(name) for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    found = {id(value): value for value in values if isinstance(value, type) and _derives_from_ours(value)}
    return next(iter(found.values())) if len(found) == 1 else None


def _derives_from_ours(found: type[Any]) -> bool:
    return any(base.__module__.partition(".")[0] in OWN for base in found.__mro__)
