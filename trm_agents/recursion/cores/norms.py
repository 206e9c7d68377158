"""The exact operator norm of the exact-cover core's message maps.

A z = W_0 z + sum_k W_k S_k z + W_s S_s z, where S_k sums over the groups of kind k and hands each sum back to their
cells, and S_s does so for the symbols of a cell. The S are symmetric and act on tokens, the W on channels. Where the S
commute, a common eigenbasis splits A into blocks W_0 + sum_k l_k W_k + l_s W_s, one for each tuple l of joint
eigenvalues ("mode"), and |A| is the largest spectral norm of a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.recursion.cores.layout import sums_of

DIGITS = 9
"""Decimals at which two eigenvalues are taken for the same."""


def modes(groups: Mapping[str, NDArray[np.int64]], n_cells: int, n_symbols: int) -> NDArray[np.float64]:
    """Joint eigenvalues of the sums over the groups of each kind and, last, over symbols.

    Shape (n_modes, kinds of sums).

    A norm is convex, so along a line of modes it is largest at an end: those in between are left out.

    Raises:
        ValueError: the sums do not commute, so that there is no common eigenbasis, or a kind has no groups, since each
            instance has its own.
    """
    if empty := [name for name, kind in groups.items() if not len(kind)]:
        raise ValueError(
            f"the groups {empty[0]!r} are another graph in every instance: the norm of maps over them is not known "
            "beforehand, so a contraction cannot be certified; use ExactCover()"
        )
    sums = {name: _sums(kind, n_cells) for name, kind in groups.items()}
    for (one, first), (other, second) in combinations(sums.items(), 2):
        if not np.array_equal(first @ second, second @ first):
            raise ValueError(
                f"sums over the groups {one!r} and {other!r} do not commute: the norm of maps over them is not known "
                "exactly, so a contraction cannot be certified"
            )
    # Square roots of primes are independent over the rationals: different tuples of integers get different sums.
    primes = [2, 3, 5, 7, 11, 13, 17, 19]
    _, basis = np.linalg.eigh(sum(np.sqrt(p) * s for p, s in zip(primes, sums.values(), strict=False)))
    of_cells = np.stack([((s @ basis) * basis).sum(0) for s in sums.values()], axis=1)
    for column, s in enumerate(sums.values()):
        assert np.allclose(s @ basis, basis * of_cells[:, column], atol=1e-8), "the eigenbasis is not a common one"
    found = np.unique(of_cells.round(DIGITS) + 0.0, axis=0)
    # With one symbol there is no sum over symbols.
    of_symbols = [(0.0,), (float(n_symbols),)] if n_symbols > 1 else [()]
    return np.array(_ends([(*mode, *own) for mode in found.tolist() for own in of_symbols]))


def _sums(kind: NDArray[np.int64], n_cells: int) -> NDArray[np.int64]:
    """S of one kind, shape (n_cells, n_cells): how many sums the row's cell hears that add up the column's."""
    summed, heard = (
        (cells[:, :, None] == np.arange(n_cells)).any(1).astype(np.int64) for cells in sums_of(kind, n_cells)
    )
    sums: NDArray[np.int64] = heard.T @ summed
    return sums


def _ends(found: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Modes without those that lie between two others which differ from them in one eigenvalue only."""
    left = sorted(found)
    for axis in range(len(left[0])):
        lines: dict[tuple[float, ...], list[tuple[float, ...]]] = {}
        for mode in left:
            lines.setdefault(mode[:axis] + mode[axis + 1 :], []).append(mode)
        left = [mode for line in lines.values() for mode in {min(line), max(line)}]
    return sorted(left)


def operator_norm(own: Tensor, maps: Tensor, of_modes: Tensor) -> Tensor:
    """|A|, a differentiable scalar.

    Args:
        own: W_0, shape (H, d).
        maps: W_k, the cell sums' W_s last, shape (kinds, H, d).
        of_modes: from `modes`, shape (n_modes, kinds).
    """
    blocks = own + torch.einsum("mk,khd->mhd", of_modes.to(own), maps)
    norms: Tensor = torch.linalg.matrix_norm(blocks, ord=2)
    return norms.amax()
