"""Which reference optima belong to which instances."""

from __future__ import annotations

import hashlib

from trm_envs.continuous.task import Numbers
from trm_envs.control.descent_generator import Approach
from trm_envs.control.descent_sources import POOLS as DESCENT_POOLS
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.generator import MU_RANGE
from trm_envs.control.sources import Mu, pool_instances
from trm_envs.control.systems import System
from trm_envs.pools.reference import Reference, load_reference, reference_manifest

POOLS = {
    "double-integrator": "control-double-integrator",
    "double-integrator-tight": "control-double-integrator",
    "van-der-pol": "control-van-der-pol",
}
"""System -> its pool in distribution."""


def reference_name(system: System, ood: bool = False, mu: Mu | None = None) -> str:
    """Name of the reference optima of a system's pool: `van-der-pol`, `van-der-pol-mu=0.5`, `van-der-pol-mu-ood`."""
    varies = "" if mu is None or mu == (1.0, 1.0) else f"-mu={mu[0]:g}" if mu[0] == mu[1] else "-mu"
    return f"{system.name}{varies}{'-ood' if ood else ''}"


def reference(system: System, split: str, ood: bool = False, mu: Mu | None = None) -> Reference:
    """The best plans known for what `pool_instances` gives with the same split, `ood` and mu.

    Args:
        system: whose optima.
        split: `validation` or `test`.
        ood: whether of the pool out of distribution.
        mu: range of mu, both ends equal where it does not vary; None: the system has none.

    Raises:
        ValueError: there is none, or it was made for other instances.
    """
    if mu is not None and mu[0] < mu[1] and mu != MU_RANGE:
        raise ValueError(f"there are reference optima for mu={MU_RANGE} and for some single numbers, not for mu={mu}")
    name = reference_name(system, ood, mu)
    # First, so that an unknown name is refused in words.
    found = load_reference(name, split)
    return _made_for(pool_instances(POOLS[system.name], split, ood, mu), found, name, split)


def descent_reference_name(approach: Approach = "usual") -> str:
    """Name of the reference optima of a pool of powered descent: `powered-descent-shallow`."""
    return DESCENT_POOLS[approach].removeprefix("control-")


def descent_reference(split: str, approach: Approach = "usual") -> Reference:
    """The best plans known for what `descent_instances` gives with the same split and approach.

    Args:
        split: `validation` or `test`.
        approach: whose pool.

    Raises:
        ValueError: there is none, or it was made for other instances.
    """
    name = descent_reference_name(approach)
    found = load_reference(name, split)
    return _made_for(descent_instances(split, approach), found, name, split)


def _made_for(instances: Numbers, found: Reference, name: str, split: str) -> Reference:
    """The reference; ValueError where it was made for other instances."""
    if instances_hash(instances) != reference_manifest()[name]["splits"][split]["instances_sha256"]:
        raise ValueError(f"the reference {name!r} was made for other instances of split {split!r}: rebuild it")
    return found


def instances_hash(instances: Numbers) -> str:
    """A hash of instances, number by number."""
    return hashlib.sha256(instances.astype("<f8").tobytes()).hexdigest()
