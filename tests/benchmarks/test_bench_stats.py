"""Intervals against scipy and hand-computed values."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.protocol.stats import paired_difference, success_interval, t_interval, wilson_interval


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12).filter(lambda x: np.std(x) > 1e-6))
def test_t_interval_is_scipys(values):
    interval = t_interval(values)
    lo, hi = scipy.stats.t.interval(0.95, len(values) - 1, np.mean(values), scipy.stats.sem(values))
    assert np.allclose([interval.lo, interval.hi], [lo, hi])
    assert (interval.n, interval.kind) == (len(values), "t")


def test_t_interval_by_hand():
    # mean 2, sample standard deviation 1, t(.975, 2) = 4.302653: half width 4.302653 / sqrt(3).
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.hi - 2.0 == pytest.approx(2.484138, abs=1e-6)


def test_t_interval_needs_two_values():
    with pytest.raises(ValueError, match="at least 2 values, got 1"):
        t_interval([0.5])


@pytest.mark.parametrize(
    ("successes", "n", "lo", "hi"),
    # Newcombe (1998), table I, method 3 (Wilson without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_of_known_cases(successes, n, lo, hi):
    interval = wilson_interval(successes, n)
    assert (interval.lo, interval.hi) == (pytest.approx(lo, abs=5e-5), pytest.approx(hi, abs=5e-5))


@given(st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_scipys(case):
    successes, n = case
    expected = scipy.stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert np.allclose(wilson_interval(successes, n)[1:3], expected)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (3, 2), (-1, 2)])
def test_wilson_interval_refuses_impossible_counts(successes, n):
    with pytest.raises(ValueError, match="successes must be within"):
        wilson_interval(successes, n)


def test_success_interval_is_wilson_for_one_seed_and_t_for_more():
    assert success_interval([9], 10) == wilson_interval(9, 10)
    several = success_interval([9, 10, 10], 10)
    assert several.kind == "t"
    assert several.hi == 1.0
    assert several.lo == pytest.approx(t_interval([0.9, 1.0, 1.0]).lo)


def test_paired_difference_by_hand():
    a = {0: np.array([1, 1, 1, 0], bool), 1: np.array([1, 1, 0, 0], bool)}
    b = {0: np.array([1, 0, 0, 0], bool), 1: np.array([0, 0, 0, 0], bool)}
    paired = paired_difference(a, b)
    # Both seeds differ by 1/2, the puzzles by (1/2, 1, 1/2, 0).
    assert paired.over_seeds == (0.5, 0.5, 0.5, 2, "t")
    assert paired.over_puzzles == t_interval([0.5, 1.0, 0.5, 0.0]).within(-1.0, 1.0)
    assert paired.n == 4


def test_paired_difference_uses_equal_seeds_only_and_spreads_a_line_drawn_once():
    solved, nothing = np.ones(5, bool), np.zeros(5, bool)
    paired = paired_difference({0: solved, 1: solved, 2: nothing}, {1: nothing, 2: solved, 7: solved})
    assert paired.over_seeds.n == 2
    assert paired.over_seeds.mean == 0.0
    assert paired_difference({0: solved, 1: nothing, 2: solved}, {9: nothing}).over_seeds.mean == pytest.approx(2 / 3)
    assert paired_difference({0: solved}, {0: nothing}).over_seeds is None


def test_paired_difference_pairs_puzzles():
    """Pairing removes what puzzles have in common: far narrower than the difference of independent samples."""
    rng = np.random.default_rng(0)
    b = {seed: rng.random(400) < 0.5 for seed in range(5)}
    a = {seed: bits | (rng.random(400) < 0.05) for seed, bits in b.items()}
    interval = paired_difference(a, b).over_puzzles
    assert interval.lo > 0
    assert interval.hi - interval.lo < 0.02


def test_paired_difference_refuses_what_cannot_be_paired():
    with pytest.raises(ValueError, match="same number of puzzles"):
        paired_difference({0: np.ones(3, bool)}, {0: np.ones(4, bool)})
    with pytest.raises(ValueError, match=r"no seeds pair up: A has \[0, 1\], B has \[2, 3\]"):
        paired_difference({s: np.ones(3, bool) for s in (0, 1)}, {s: np.ones(3, bool) for s in (2, 3)})
