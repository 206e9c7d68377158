"""Where the instances of powered descent come from."""

from __future__ import annotations

from functools import partial

import numpy as np

from trm_envs.continuous.task import Numbers
from trm_envs.control.descent_generator import FARTHEST, Approach, training_instances
from trm_envs.control.sources import Origin, parsed_pool

POOLS: dict[Approach, str] = {
    "usual": "control-powered-descent",
    "shallow": "control-powered-descent-shallow",
    "outside": "control-powered-descent-ood",
}
"""Approach -> its pool."""


def descent_instances(split: str, approach: Approach = "usual") -> Numbers:
    """Shipped instances of an approach, shape (B, 7)."""
    # A copy: kernels are compiled once more for arrays that are read-only.
    return parsed_pool(POOLS[approach], split, 7).copy()


def descent_origin(shallow: bool = False) -> Origin:
    """Where the instances of powered descent come from.

    Args:
        shallow: whether vehicles come low above the glide slope.
    """
    approach: Approach = "shallow" if shallow else "usual"

    def shipped(split: str, ood: bool) -> Numbers:
        if ood and shallow:
            raise ValueError("no shallow approaches out of distribution are shipped: leave out ood or shallow")
        return descent_instances(split, "outside" if ood else approach)

    return Origin(
        shipped=shipped,
        drawn=partial(training_instances, approach=approach),
        difficulty=lambda instances: np.linalg.norm(instances[:, :3], axis=1),
        easiest=1000.0,
        hardest=FARTHEST,
        meaning="largest distances to the pad in m, easy to hard, within [1000, 4000], such as [1500, 2500, 4000]",
    )
