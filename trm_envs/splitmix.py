"""SplitMix64 for jitted kernels: a random stream that no NumPy or numba release can change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trm_envs.jit import kernel


@kernel()
def next_uint64(state: npt.NDArray[np.uint64]) -> np.uint64:
    """Advance `state`, a uint64 array of shape (1,), and return the next 64 random bits."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return mix(state[0])


@kernel()
def mix(word: np.uint64) -> np.uint64:
    """Return SplitMix64's finaliser of a uint64: a bijection that spreads every input bit over the whole word."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@kernel()
def below(state: npt.NDArray[np.uint64], bound: int) -> int:
    """Return a random integer in [0, bound), bound < 2**31; advances `state`."""
    return int(((next_uint64(state) >> np.uint64(33)) * np.uint64(bound)) >> np.uint64(31))


@kernel()
def shuffle(state: npt.NDArray[np.uint64], items: npt.NDArray[np.int64]) -> None:
    """Permute a one-dimensional array in place (Fisher-Yates); advances `state`."""
    for last in range(len(items) - 1, 0, -1):
        other = below(state, last + 1)
        items[last], items[other] = items[other], items[last]
