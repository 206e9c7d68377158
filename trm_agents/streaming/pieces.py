"""A piece of a file of puzzles: what became of it, and the row of sums that it leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from trm_agents.streaming.bands import bands_of
from trm_envs.pools.hashing import pool_hash
from trm_envs.reading import Batch, OnlyValid

Counts = NDArray[np.int64]
Found = TypeVar("Found")


class Valid(NamedTuple):
    """Which puzzles of a piece are left out as invalid."""

    skipped: list[str]
    """Their places and flaws."""
    left_out: list[int]
    """Their indices in the piece."""


class Scored(NamedTuple):
    """What became of the n valid puzzles of a piece; shape (n,) each."""

    solved: NDArray[np.bool_]
    edits: Counts
    network_calls: Counts
    inner_steps: Counts
    checks: Counts

    @classmethod
    def nothing(cls) -> Scored:
        """Of no puzzle."""
        return cls(np.zeros(0, np.bool_), *np.zeros((4, 0), np.int64))


@dataclass(frozen=True)
class PieceRow:
    """Sums over the puzzles of a piece of a file."""

    asked: str
    """Hash of the model and of all that the result depends on."""
    piece: int
    sha256: str
    """Of its puzzles and their ratings."""
    n: int
    solved: int
    edits: int
    network_calls: int
    inner_steps: int
    checks: int
    calls_solved: str
    """Network calls -> solved puzzles that took as many, as JSON."""
    bands: str
    """Band of ratings -> puzzles and solved ones, as JSON; empty where nothing is rated."""
    skipped: str
    """Places and flaws of puzzles that were left out, as JSON."""
    schema: str = "piece/2"

    @property
    def key(self) -> tuple[str, int, str]:
        """What the row is the measurement of."""
        return self.asked, self.piece, self.sha256


def read_valid(batch: Batch, skip: bool, read: Callable[[Batch | OnlyValid], Found]) -> tuple[Found | None, Valid]:
    """What `read` makes of a piece, without its invalid puzzles where they are to be skipped; None where all are.

    Raises:
        ValueError: a puzzle is invalid and none is to be skipped; names its place.
    """
    out = Valid([], [])
    try:
        return read(OnlyValid(batch, *out) if skip else batch), out
    except ValueError:
        if len(out.left_out) < len(batch.grids):
            raise
        return None, out


def digest_of(batch: Batch) -> str:
    """Hash of a piece's puzzles and their ratings."""
    rated = b"" if batch.ratings is None else batch.ratings.astype("<f8").tobytes()
    return hashlib.sha256(pool_hash(batch.grids).encode() + rated).hexdigest()


def row_of(batch: Batch, scored: Scored, valid: Valid, asked: str, number: int, digest: str) -> PieceRow:
    """The row of a piece."""
    calls = Counter(scored.network_calls[scored.solved].tolist())
    bands: dict[int, list[int]] = {}
    if batch.ratings is not None:
        of_each = bands_of(np.delete(batch.ratings, valid.left_out))
        for band in np.unique(of_each).tolist():
            inside = of_each == band
            bands[band] = [int(inside.sum()), int(scored.solved[inside].sum())]
    return PieceRow(
        asked=asked,
        piece=number,
        sha256=digest,
        n=len(scored.solved),
        solved=int(scored.solved.sum()),
        edits=int(scored.edits.sum()),
        network_calls=int(scored.network_calls.sum()),
        inner_steps=int(scored.inner_steps.sum()),
        checks=int(scored.checks.sum()),
        calls_solved=json.dumps(dict(sorted(calls.items()))),
        bands=json.dumps(bands) if bands else "",
        skipped=json.dumps(valid.skipped),
    )
