"""Agents built on tiny recursive networks: algorithms that learn from a checker alone, solvers, trained agents.

Names are imported when they are first used, so that `trm_agents.presets` and the command line need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trm_agents import presets as presets
    from trm_agents import zoo as zoo
    from trm_agents.hindsight import HindsightTRM as HindsightTRM
    from trm_agents.hindsight import Search as Search
    from trm_agents.hindsight import TokenPolicy as TokenPolicy
    from trm_agents.recursion import Attention as Attention
    from trm_agents.recursion import Cells as Cells
    from trm_agents.recursion import CertifiedDense as CertifiedDense
    from trm_agents.recursion import CertifiedExactCover as CertifiedExactCover
    from trm_agents.recursion import Dense as Dense
    from trm_agents.recursion import Discovered as Discovered
    from trm_agents.recursion import ExactCover as ExactCover
    from trm_agents.recursive_policies import MLPPolicy as MLPPolicy
    from trm_agents.recursive_policies import RecursiveDQNPolicy as RecursiveDQNPolicy
    from trm_agents.recursive_policies import RecursiveMaskablePolicy as RecursiveMaskablePolicy
    from trm_agents.recursive_policies import RecursivePolicy as RecursivePolicy
    from trm_agents.recursive_policies import RecursiveQRDQNPolicy as RecursiveQRDQNPolicy
    from trm_agents.recursive_policies import RecursiveRecurrentPolicy as RecursiveRecurrentPolicy
    from trm_agents.reinforce import REINFORCE as REINFORCE
    from trm_agents.solving import Attempts as Attempts
    from trm_agents.solving import BestFirst as BestFirst
    from trm_agents.solving import Guesses as Guesses
    from trm_agents.solving import Refinements as Refinements
    from trm_agents.solving import Restarts as Restarts
    from trm_agents.solving import Starts as Starts
    from trm_agents.solving import Views as Views
    from trm_agents.trc import TRC as TRC
    from trm_agents.trc import TRCPolicy as TRCPolicy
    from trm_agents.upi_trm import UPITRM as UPITRM
    from trm_agents.upi_trm import CostToGo as CostToGo
    from trm_agents.upi_trm import Distilled as Distilled
    from trm_agents.upi_trm import EditPolicy as EditPolicy
    from trm_agents.upi_trm import Exact as Exact
    from trm_agents.upi_trm import KStep as KStep
    from trm_agents.upi_trm import MlpPolicy as MlpPolicy
    from trm_agents.upi_trm import MultiInputPolicy as MultiInputPolicy
    from trm_agents.upi_trm import Outcome as Outcome
    from trm_agents.upi_trm import SafeStep as SafeStep
    from trm_agents.upi_trm import Survival as Survival
    from trm_agents.upi_trm import TRMPolicy as TRMPolicy
    from trm_agents.upi_trm import Violations as Violations

_ROOMS = {
    "hindsight": ("HindsightTRM", "Search", "TokenPolicy"),
    "recursion": (
        "Attention",
        "Cells",
        "CertifiedDense",
        "CertifiedExactCover",
        "Dense",
        "Discovered",
        "ExactCover",
    ),
    "recursive_policies": (
        "MLPPolicy",
        "RecursiveDQNPolicy",
        "RecursiveMaskablePolicy",
        "RecursivePolicy",
        "RecursiveQRDQNPolicy",
        "RecursiveRecurrentPolicy",
    ),
    "reinforce": ("REINFORCE",),
    "solving": ("Attempts", "BestFirst", "Guesses", "Refinements", "Restarts", "Starts", "Views"),
    "trc": ("TRC", "TRCPolicy"),
    "upi_trm": (
        "UPITRM",
        "CostToGo",
        "Distilled",
        "EditPolicy",
        "Exact",
        "KStep",
        "MlpPolicy",
        "MultiInputPolicy",
        "Outcome",
        "SafeStep",
        "Survival",
        "TRMPolicy",
        "Violations",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_MODULES = ("presets", "zoo")

__all__ = sorted([*_ROOM_OF, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _imported(f"trm_agents.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'trm_agents' has no attribute {name!r}")
    return getattr(_imported(f"trm_agents.{_ROOM_OF[name]}"), name)


def _imported(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("trm_"):
            raise
        package = str(error.name).partition(".")[0]
        hint = f"trm_agents needs the package {package!r}: pip install 'trm-plan-edit[agents]'"
        raise ModuleNotFoundError(hint, name=package) from error


def __dir__() -> list[str]:
    return __all__
