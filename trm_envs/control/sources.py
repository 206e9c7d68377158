"""Where the instances of a system come from: a shipped pool, the user, or the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from trm_envs import pools
from trm_envs.continuous.edits import EditKind
from trm_envs.continuous.mdp import Accept
from trm_envs.continuous.spaces import Observe, read_numbers
from trm_envs.continuous.task import ControlTask, Numbers
from trm_envs.control.generator import MU_RANGE, RADIUS, training_instances
from trm_envs.control.systems import MU_HIGH
from trm_envs.control.text import parse_instances
from trm_envs.instances.adaptive import Curriculum
from trm_envs.instances.numbers import real
from trm_envs.instances.options import SourceOptions, check_source_options, with_retry
from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource

Source = InstanceSource[np.float64]


class SystemOptions(SourceOptions, total=False):
    """Keywords of every environment of a system."""

    instances: Any
    """The user's own instances in place of a shipped pool: numbers, shape (B, n)."""
    ood: bool
    """Take the validation or test pool out of distribution; False by default."""


class EditOptions(SystemOptions, total=False):
    """Keywords of the plan-editing environments."""

    edit: EditKind
    """`feedback`, `plan` or `window`; each system has its usual one."""
    observe: Observe
    """`error` (default) or `gradient`."""
    max_edits: int
    """Edit budget T, 8 by default."""
    accept: Accept
    """`always` (default) or `improving`."""
    gamma: float
    """Discount of the potential shaping, 0.99 by default."""
    shaping: bool
    """Potential-based shaping by the log cost; True by default."""


def mdp_options(options: EditOptions) -> dict[str, Any]:
    """Those of the keywords that `ControlEditMDP` takes."""
    return {key: value for key, value in options.items() if key in ("max_edits", "accept", "gamma", "shaping")}


class Origin(NamedTuple):
    """How the instances of a system are shipped, drawn and ordered by difficulty."""

    shipped: Callable[[str, bool], Numbers]
    """(split, out of distribution) -> instances, an array of one's own."""
    drawn: Callable[..., Numbers]
    """(count, rng, difficulty) -> new training instances up to that difficulty; can be pickled."""
    difficulty: Callable[[Numbers], Numbers]
    """How difficult instances are, shape (B,)."""
    easiest: float
    """The smallest difficulty that a stage of a curriculum may have."""
    hardest: float
    """That of the most difficult training instances."""
    meaning: str
    """What difficulty is, and such stages: `largest states ..., such as [0.5, 1.0]`."""


Mu = tuple[float, float]
"""Range of mu; both ends equal where it does not vary."""


def read_mu(mu: Any) -> Mu:
    """Mu as a range.

    Raises:
        ValueError: it is neither a number nor a range of numbers within [0, `MU_HIGH`].
    """
    ends = tuple(mu) if isinstance(mu, list | tuple) else (mu, mu)
    numbers = [real(end) for end in ends]
    if len(ends) != 2 or not 0.0 <= numbers[0] <= numbers[1] <= MU_HIGH:
        raise ValueError(f"mu must be a number or a range (low, high) within [0, {MU_HIGH:g}], got {mu!r}")
    return numbers[0], numbers[1]


def quadratic_origin(pool: str, mu: Mu | None = None) -> Origin:
    """Where the instances of a system with two states come from.

    Args:
        pool: name of the system's pool in distribution.
        mu: range of mu; None: the system has none.
    """
    return Origin(
        shipped=lambda split, ood: pool_instances(pool, split, ood, mu),
        drawn=partial(training_instances, mu=mu),
        difficulty=lambda instances: np.abs(instances[:, :2]).max(axis=1),
        easiest=0.1,
        hardest=RADIUS,
        meaning="largest states, easy to hard, within [0.1, 2], such as [0.5, 1.0, 2.0]",
    )


def control_source(task: ControlTask, origin: Origin, options: Mapping[str, Any]) -> Source:
    """The instances that the keywords of an environment ask for.

    Args:
        task: judges instances of the user's.
        origin: of the system's instances.
        options: keywords, those of `SystemOptions` among them.

    Raises:
        ValueError: the keywords contradict each other, or a value or an instance is bad.
    """
    check_source_options(options, own="instances")
    if options.get("instances") is not None:
        return with_retry(InstancePool(_own(task, options), float), options)
    if options.get("ood", False):
        _check_ood(options)
    stages = None if options.get("curriculum") is None else _stages(origin, options["curriculum"])
    if options.get("generate", False):
        limits = [origin.hardest] if stages is None else stages
        drawn: list[Source] = [GeneratedInstances(partial(_up_to, origin.drawn, limit), float) for limit in limits]
        return with_retry(drawn[0] if stages is None else Curriculum(drawn), options)
    instances = origin.shipped(options.get("split", "train"), options.get("ood", False))
    if stages is None:
        return with_retry(InstancePool(instances, float), options)
    hard = origin.difficulty(instances)
    return with_retry(Curriculum([InstancePool(instances[hard <= limit], float) for limit in stages]), options)


def _up_to(drawn: Callable[..., Numbers], limit: float, count: int, rng: np.random.Generator) -> Numbers:
    """New instances up to a difficulty; a function of a module, so that it can be pickled."""
    return drawn(count, rng, limit)


def pool_instances(pool: str, split: str, ood: bool = False, mu: Mu | None = None) -> Numbers:
    """Shipped instances of a system with two states, shape (B, 2), or (B, 3) with mu.

    Args:
        pool: name of the pool in distribution.
        split: `train`, `validation` or `test`.
        ood: whether to take its counterpart out of distribution.
        mu: one value (both ends equal) for all instances, or the range over which the shipped ones vary.

    Raises:
        ValueError: mu varies over another range than the shipped one.
    """
    ending = "-ood" if ood else ""
    if mu is None or mu[0] == mu[1]:
        states = parsed_pool(f"{pool}{ending}", split, 2)
        # A copy: kernels are compiled once more for arrays that are read-only.
        return states.copy() if mu is None else np.concatenate([states, np.full((len(states), 1), mu[0])], axis=1)
    if mu != MU_RANGE:
        raise ValueError(
            f"pools are shipped for one mu and for mu={MU_RANGE}, not for mu={mu}: use that, or generate=True"
        )
    return parsed_pool(f"{pool}-mu{ending}", split, 3).copy()


@cache
def parsed_pool(name: str, split: str, size: int) -> Numbers:
    """A pool's instances, read-only; parsed once a process: many environments share it."""
    instances = parse_instances(pools.load(name, split), size, name)
    instances.setflags(write=False)
    return instances


def _own(task: ControlTask, options: Mapping[str, Any]) -> Numbers:
    if options.get("ood", False):
        raise ValueError("ood chooses among shipped instances; leave it out with instances=")
    instances = read_numbers(options["instances"], "instances")
    task.validate(instances)
    return instances


def _check_ood(options: Mapping[str, Any]) -> None:
    if options.get("generate", False) or options.get("split", "train") == "train":
        raise ValueError("instances out of distribution are for scoring: use ood with split='validation' or 'test'")


def _stages(origin: Origin, curriculum: Any) -> list[float]:
    """Well-formed stages."""
    try:
        limits = [float(limit) for limit in curriculum]
    except (TypeError, ValueError):
        limits = []
    if not limits or not all(origin.easiest <= limit <= origin.hardest for limit in limits):
        raise ValueError(f"curriculum must be a sequence of {origin.meaning}, got {curriculum!r}")
    return limits
