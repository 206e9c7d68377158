"""Small instance sources, and a player of them, for several tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from trm_envs import Curriculum, InstancePool


def pool(*values: int) -> InstancePool:
    """Instances of one cell, told apart by its value."""
    return InstancePool(np.array(values, np.int8)[:, None])


def curriculum(n_stages: int = 3, **options: Any) -> Curriculum:
    """Stage k has the one instance k."""
    return Curriculum([pool(stage) for stage in range(n_stages)], **options)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def play(source: Any, outcomes: Iterable[bool], generator: np.random.Generator | None = None) -> None:
    """First tries one after the other; reviews are played but have no outcome."""
    generator = generator or rng()
    for solved in outcomes:
        ticket = None
        while ticket is None:
            _, ticket = source.draw(generator)
        source.report(ticket, solved)
