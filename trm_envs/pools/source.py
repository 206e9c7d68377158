"""What a pool must say about itself so that it can be built, frozen, split and verified; knows no puzzle."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

SPLITS = ("train", "validation", "test")


class PoolSource(Protocol):
    """One pool: a named, seeded recipe for three splits of instances, each instance one line of text."""

    @property
    def name(self) -> str:
        """Name of the pool, the first part of its file names."""

    @property
    def seed(self) -> int:
        """Seed from which `generate` draws everything."""

    @property
    def family(self) -> str:
        """Pools of one family have comparable keys, and no two of their different splits may share one."""

    def generate(self) -> dict[str, list[str]]:
        """Return the lines of every split of `SPLITS`; the same on every call."""

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the facts about one split that the manifest records, as JSON values."""

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return a key for each line; instances that are symmetric to each other have equal keys."""

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check every instance of one split; return what is wrong, line by line."""

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Return sentences about what the splits share although their keys differ."""


def split_of_key(key: int) -> str:
    """Return the split that owns an orbit, from a hash of the orbit: test and validation 1/8 each, train the rest.

    Because the rule looks at nothing else, any two pools that use it, and any training instance that is generated
    later and filtered by it, are disjoint under symmetry from every test and validation instance.
    """
    return {0: "test", 1: "validation"}.get(key % 8, "train")


def fill_splits(
    sizes: Mapping[str, int], draw: Callable[[], tuple[Sequence[str], Sequence[int]]]
) -> dict[str, list[str]]:
    """Draw batches of instances until every split is full.

    Args:
        sizes: number of instances of each split.
        draw: returns a batch of lines and the uint64 orbit hash of each.

    Returns:
        The lines of each split: every hash at most once, and only in the split that `split_of_key` names.
    """
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    seen: set[int] = set()
    while any(len(splits[split]) < sizes[split] for split in SPLITS):
        for line, key in zip(*draw(), strict=True):
            split = split_of_key(key)
            if key not in seen and len(splits[split]) < sizes[split]:
                seen.add(key)
                splits[split].append(line)
    return splits
