"""Which graphs are one and the same: with their vertices in another order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.plan_edit.task import Grids
from trm_envs.splitmix import mix

ROUNDS = 6
"""Rounds of refinement: messages reach as far, which is beyond the diameter of nearly every graph that is generated."""


@kernel()
def _keys(graphs: Grids, keys: NDArray[np.uint64]) -> None:
    n = graphs.shape[1]
    for b in range(len(graphs)):
        names, heard = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
        for _ in range(ROUNDS):
            for v in range(n):
                heard[v] = mix(names[v] + np.uint64(n))
                for u in range(n):
                    if graphs[b, v, u]:
                        heard[v] += mix(names[u] ^ np.uint64(0x5BD1E995))
            for v in range(n):
                names[v] = mix(heard[v])
        keys[b] = np.uint64(0)
        for v in range(n):
            keys[b] += mix(names[v])
        keys[b] = mix(keys[b])


def graph_keys(instances: Grids) -> list[int]:
    """A 64-bit hash of each graph, equal for graphs that differ in the order of their vertices alone.

    Colour refinement (Weisfeiler and Leman 1968): a vertex is named after its name and the multiset of its neighbours'
    names, round after round. Different graphs that it cannot tell apart, such as regular ones, share a key as well; a
    split loses some of them, and never shares one.

    Args:
        instances: adjacency matrices, shape (B, n * n).
    """
    n = round(instances.shape[1] ** 0.5)
    keys = np.zeros(len(instances), np.uint64)
    _keys(np.ascontiguousarray(instances.reshape(-1, n, n)), keys)
    return [int(key) for key in keys]
