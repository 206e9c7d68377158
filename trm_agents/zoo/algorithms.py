"""Which algorithm a saved model is of."""

from __future__ import annotations

import json
from pathlib import Path

from trm_agents.common.files import module_told, read_members
from trm_agents.hindsight import HindsightTRM
from trm_agents.trc import TRC
from trm_agents.upi_trm import UPITRM

Agent = UPITRM | HindsightTRM | TRC
"""What the zoo holds."""


def algorithm_of(file: Path) -> type[UPITRM] | type[HindsightTRM] | type[TRC]:
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
    known: tuple[type[UPITRM] | type[HindsightTRM] | type[TRC], ...] = (UPITRM, HindsightTRM, TRC)
    for algorithm in known:
        if module.split(".")[:2] == algorithm.__module__.split(".")[:2]:
            return algorithm
    raise ValueError(
        f"{file} is no UPITRM, HindsightTRM or TRC (its policy is from {module}): trm knows no other agents"
    )
