"""Verify the shipped pools: every instance, and that no orbit is in two splits of one family; knows no puzzle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import combinations

from trm_envs import pools
from trm_envs.pools.source import SPLITS, PoolSource


def verify_pools(sources: Iterable[PoolSource]) -> tuple[list[str], list[str]]:
    """Load the given pools and check each of their instances.

    Returns:
        Problems: broken instances, wrong counts, and orbits or lines that two different splits of a family share.
        Overlaps: sentences about what the splits share although no orbit is shared.
    """
    problems: list[str] = []
    overlaps: list[str] = []
    keys: dict[str, dict[str, set[Hashable]]] = defaultdict(lambda: defaultdict(set))
    for source in sources:
        splits = {split: pools.load(source.name, split) for split in SPLITS}
        for split, lines in splits.items():
            problems += [f"{source.name}.{split}: {problem}" for problem in source.problems(lines)]
            recorded = pools.manifest()[source.name]["splits"][split]["count"]
            if len(lines) != recorded:
                problems.append(f"{source.name}.{split}: {len(lines)} lines, the manifest records {recorded}")
            keys[source.family][split].update(source.keys(lines))
        overlaps += source.overlaps(splits)
    for family, of_split in keys.items():
        for one, other in combinations(SPLITS, 2):
            shared = len(of_split[one] & of_split[other])
            if shared:
                problems.append(f"{family}: {shared} orbits are in both {one} and {other}")
    return problems, overlaps
