"""Intervals: Student t over training seeds, Wilson for one model, paired differences on the same puzzles."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, t

LEVEL = 0.95
"""Coverage that every interval of this package claims."""


class Interval(NamedTuple):
    """An estimate and where it may lie."""

    mean: float
    lo: float
    hi: float
    n: int
    """Number of values behind it: seeds (`t`), puzzles (`wilson`)."""
    kind: Literal["t", "wilson"]

    def within(self, least: float, most: float) -> Interval:
        """The same with its ends cut to what the quantity can be."""
        return self._replace(lo=max(least, self.lo), hi=min(most, self.hi))


def t_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of independent values with its Student-t interval (sample standard deviation, n - 1).

    Raises:
        ValueError: fewer than two values, from which no spread can be told.
    """
    x = np.asarray(values, np.float64).ravel()
    if len(x) < 2:
        raise ValueError(f"a t interval needs at least 2 values, got {len(x)}")
    half = float(t.ppf((1 + level) / 2, len(x) - 1)) * float(x.std(ddof=1)) / sqrt(len(x))
    mean = float(x.mean())
    return Interval(mean, mean - half, mean + half, len(x), "t")


def wilson_interval(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Success rate of one model on n puzzles with its Wilson score interval.

    Raises:
        ValueError: n < 1, or successes outside 0..n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"successes must be within 0..n and n at least 1, got {successes} of {n}")
    z = float(norm.ppf((1 + level) / 2))
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half), n, "wilson")


def success_interval(solved: list[int], n: int, level: float = LEVEL) -> Interval:
    """Success rate of a method: t over its seeds, or Wilson over puzzles where there is one seed only.

    Args:
        solved: puzzles solved by each seed's model.
        n: puzzles that each was scored on.
        level: coverage.
    """
    if len(solved) == 1:
        return wilson_interval(solved[0], n, level)
    return t_interval(np.asarray(solved) / n, level).within(0.0, 1.0)


class Paired(NamedTuple):
    """Success of A minus success of B on the same puzzles."""

    over_seeds: Interval | None
    """t over the differences of paired seeds; None where fewer than two seeds pair up."""
    over_puzzles: Interval
    """t over the puzzles' differences, each averaged over seeds."""
    n: int
    """Puzzles."""


def paired_difference(
    a: Mapping[int, NDArray[np.bool_]], b: Mapping[int, NDArray[np.bool_]], level: float = LEVEL
) -> Paired:
    """Success of A minus success of B, seed by seed and puzzle by puzzle.

    Seeds pair with themselves. A reference line that was scored once (one seed) pairs with every seed of the other.

    Args:
        a: seed -> whether each puzzle was solved, shape (n,).
        b: the same for B, on the same puzzles in the same order.
        level: coverage.

    Raises:
        ValueError: the numbers of puzzles differ, there are fewer than two, or no seeds pair up.
    """
    if len({len(bits) for bits in (*a.values(), *b.values())}) != 1:
        raise ValueError("A and B were not scored on the same number of puzzles")
    seeds = sorted(set(a) & set(b)) if min(len(a), len(b)) > 1 else sorted(set(a) if len(a) > 1 else set(b))
    if not seeds:
        raise ValueError(f"no seeds pair up: A has {sorted(a)}, B has {sorted(b)}")
    differences = np.stack([_of_seed(a, s).astype(np.float64) - _of_seed(b, s) for s in seeds])
    over_seeds = t_interval(differences.mean(axis=1), level).within(-1.0, 1.0) if len(seeds) > 1 else None
    over_puzzles = t_interval(differences.mean(axis=0), level).within(-1.0, 1.0)
    return Paired(over_seeds, over_puzzles, differences.shape[1])


def _of_seed(solved: Mapping[int, NDArray[np.bool_]], seed: int) -> NDArray[np.bool_]:
    return solved[seed] if seed in solved or len(solved) > 1 else next(iter(solved.values()))
