"""How the puzzles of one kind are written: their cells, their symbols, and what may stand between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Grids = NDArray[np.int8]
"""Flat row-major grids, shape (B, n_cells)."""

UNKNOWN = -1
"""What `Notation.table` holds for a character that is no symbol."""


@dataclass(frozen=True)
class Notation:
    """The form of one kind of puzzle in arrays and in text.

    Args:
        shape: rows and columns.
        high: largest value of a cell; the smallest is 0.
        noun: what errors call a puzzle, as `9x9 puzzle`.
        symbols: the character of each value, in order; empty where the puzzle has no text form.
        others: further characters and their values. Letters count in both cases.
        legend: which characters say what, for errors.
        comment: what a line that says nothing begins with; empty: every line says something.
        band: rows after which a block of rows may have a blank or a ruled line; 0: nowhere.
        separators: characters that may stand between the cells of a row, as spaces may.
        doubt: a line of symbols -> the two ways in which it can be read, with a remedy; None where there is one.
        partial: the values of which a puzzle has at least one; text that has none may be its solution.
    """

    shape: tuple[int, int]
    high: int
    noun: str = "puzzle"
    symbols: str = ""
    others: Mapping[str, int] = field(default_factory=dict)
    legend: str = ""
    comment: str = ""
    band: int = 0
    separators: str = ""
    doubt: Callable[[str], str | None] | None = None
    partial: tuple[int, ...] = ()

    @cached_property
    def n_cells(self) -> int:
        """Cells of a puzzle."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def values(self) -> Mapping[str, int]:
        """Character -> value."""
        named = {**{symbol: value for value, symbol in enumerate(self.symbols)}, **self.others}
        return {form: value for symbol, value in named.items() for form in (symbol, symbol.upper(), symbol.lower())}

    @cached_property
    def known(self) -> frozenset[str]:
        """All characters that are symbols."""
        return frozenset(self.values)

    @cached_property
    def table(self) -> NDArray[np.int8]:
        """The value of every ASCII character, shape (128,); `UNKNOWN` where it is no symbol."""
        table = np.full(128, UNKNOWN, np.int8)
        for symbol, value in self.values.items():
            table[ord(symbol)] = value
        return table

    @cached_property
    def _marks(self) -> frozenset[str]:
        return frozenset(symbol for symbol, value in self.values.items() if value in self.partial)

    @property
    def spaced(self) -> bool:
        """Whether a space is a cell, and not what stands between cells."""
        return " " in self.known

    def reads(self, text: str, length: int) -> bool:
        """Whether a text is so many symbols and nothing else."""
        return len(text) == length and self.known.issuperset(text)

    def is_puzzle(self, text: str) -> bool:
        """Whether a text is the symbols of one puzzle, and not of a solution."""
        return self.reads(text, self.n_cells) and (not self._marks or not self._marks.isdisjoint(text))

    def grids(self, texts: list[str]) -> Grids:
        """The grids of texts that `reads` accepts, shape (len(texts), n_cells)."""
        codes = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        grids: Grids = self.table[codes].reshape(-1, self.n_cells)
        return grids

    def text(self, grids: Grids) -> list[str]:
        """One line of symbols for each grid, shape (B, n_cells)."""
        codes = np.frombuffer(self.symbols.encode("ascii"), np.uint8)
        return [codes[grid].tobytes().decode("ascii") for grid in grids]
