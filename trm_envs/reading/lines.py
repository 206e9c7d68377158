"""Lines of text -> the symbols of puzzles: one a line, or one in as many rows as it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from trm_envs.reading.notation import Notation

_BETWEEN = re.compile(r"[\s,;]+")
_CELLS = re.compile(r"[,;\t]")
_SECTION = re.compile(r"\[([A-Za-z ]+)\]")
_RULE = frozenset("-=+|:* \t")


class Found(NamedTuple):
    """The symbols of one puzzle, `n_cells` of them, and the line on which it ends."""

    number: int
    text: str
    rating: str | None = None
    """What the source says of how hard it is, where it has a place for that."""


class LineReader:
    """Puzzles from lines that are fed one by one.

    A line is a whole puzzle, a row of one, or says nothing: blank, a comment, a ruled line between rows, or part of a
    section that is not `[Puzzle]`. Anything else is an error: nothing is skipped that might be a puzzle.

    Args:
        notation: how puzzles are written.
        name: what errors call the source.
    """

    def __init__(self, notation: Notation, name: str) -> None:
        self.notation = notation
        self.name = name
        self._rows: list[str] = []
        self._breaks: list[int] = []
        self._first = 0
        self._skipping = False

    def feed(self, number: int, line: str) -> Found | None:
        """Read one line, counted from 1; the puzzle that it completes, or None."""
        notation = self.notation
        # Most lines of most files; a solution is looked at more closely.
        if notation.is_puzzle(line) and not self._rows and not self._skipping:
            return self.checked(number, line)
        if self._says_nothing(number, line):
            return None
        if row := self._row(line):
            return self._add(number, row)
        self._end_rows(number)
        return self.checked(number, self.whole(number, line))

    def feed_blank_row(self, number: int) -> Found | None:
        """Read a row of empty cells in a table, which between bands may be an empty row of the table too.

        Raises:
            ValueError: it may be either.
        """
        if len(self._rows) % max(1, self.notation.band) == 0:
            raise ValueError(
                f"{self.place(number)}: can be read in two ways: its empty cells are a row of blanks, or nothing "
                "between rows: write 0 in blank cells, or leave empty rows out"
            )
        return self._add(number, self.notation.symbols[0] * self.notation.shape[1])

    def end(self, number: int) -> None:
        """There are no more lines.

        Raises:
            ValueError: the last puzzle lacks rows.
        """
        self._end_rows(number)

    def whole(self, number: int, line: str) -> str:
        """The symbols of the one puzzle that is on a line, text before and after it left out.

        Raises:
            ValueError: there is none, or more than one.
        """
        notation = self.notation
        if notation.reads(line, notation.n_cells):
            return line
        tokens = [token.strip("\"'") for token in _BETWEEN.split(line.strip())]
        fitting = [token for token in tokens if notation.reads(token, notation.n_cells)]
        puzzles = [token for token in fitting if notation.is_puzzle(token)]
        if len(puzzles) > 1:
            raise ValueError(
                f"{self.place(number)}: can be read in two ways: {puzzles[0]} and {puzzles[1]} are puzzles: write one "
                "a line, or name its column 'puzzle'"
            )
        if fitting:
            return (puzzles or fitting)[0]
        found = self._leading(line) or self._spread(line, notation.n_cells)
        if found is None:
            self._refuse(number, line, tokens)
        return found

    def checked(self, number: int, text: str) -> Found:
        """The symbols of a puzzle, unless they can be read in two ways."""
        if self.notation.doubt is not None and (doubt := self.notation.doubt(text)):
            raise ValueError(f"{self.place(number)}: can be read in two ways: {doubt}")
        return Found(number, text)

    def place(self, number: int) -> str:
        """What errors call a line."""
        return f"{self.name}, line {number}"

    def _says_nothing(self, number: int, line: str) -> bool:
        """Blank lines, comments, rules and other sections."""
        stripped = line.strip()
        if not stripped:
            # Where a space is a cell, a line of them is a row.
            if self.notation.spaced and len(line) == self.notation.shape[1]:
                return False
            self._break(number)
            return True
        if section := _SECTION.fullmatch(stripped):
            self._end_rows(number)
            self._skipping = section[1].strip().lower() != "puzzle"
            return True
        if self._skipping or (self.notation.comment and stripped.startswith(self.notation.comment)):
            return True
        if self._is_rule(stripped):
            self._break(number)
            return True
        return False

    def _is_rule(self, stripped: str) -> bool:
        """Whether a line is one between rows; a blank row may be written in dashes too."""
        if not self.notation.separators or not _RULE.issuperset(stripped) or not set("-=") & set(stripped):
            return False
        if "+" in stripped or "=" in stripped:
            return True
        return self._row(stripped) is None and len(stripped) < self.notation.n_cells

    def _row(self, line: str) -> str | None:
        """The symbols of one row, if a line is that and nothing else."""
        columns = self.notation.shape[1]
        for form in (line, line.strip()):
            if self.notation.reads(form, columns):
                return form
        return self._spread(line, columns)

    def _spread(self, line: str, length: int) -> str | None:
        """So many symbols or numbers with spaces, commas or separators between them, as one string."""
        notation = self.notation
        if notation.spaced:
            return None
        bare = line
        for separator in notation.separators:
            bare = bare.replace(separator, " ")
        words = bare.split()
        if len(words) == length and all(map(str.isdecimal, words)):
            return self._numbers(words)
        joined = "".join(words)
        if notation.reads(joined, length):
            return joined
        cells = [cell.strip() for cell in _CELLS.split(line)]
        if len(cells) == length and all(cell in notation.known or cell.isdecimal() or not cell for cell in cells):
            return self._numbers(cells)
        return None

    def _numbers(self, words: Sequence[str]) -> str | None:
        """Cells of one symbol or number each, as one string of symbols; nothing stands for 0."""
        symbols = self.notation.symbols
        found = []
        for word in words:
            if len(word) > 2 or (len(word) == 2 and not (word.isascii() and int(word) < len(symbols))):
                return None
            found.append(symbols[int(word)] if len(word) == 2 else word or symbols[0])
        text = "".join(found)
        return text if self.notation.known.issuperset(text) else None

    def _leading(self, line: str) -> str | None:
        """A puzzle whose cells may be spaces, with words after it; not the beginning of a larger puzzle."""
        notation = self.notation
        head, rest = line[: notation.n_cells], line[notation.n_cells :]
        if not notation.spaced or not notation.reads(head, notation.n_cells) or rest[:1] not in tuple(" \t,;"):
            return None
        return head if not notation.known.issuperset(rest.replace("\t", " ")) else None

    def _add(self, number: int, row: str) -> Found | None:
        if not self._rows:
            self._first = number
        elif self._breaks and self._breaks[-1] < len(self._rows) and len(self._rows) % self.notation.band == 0:
            # The bands above have a break between them, and this one has not: another puzzle has begun.
            self._end_rows(number)
        self._rows.append(row)
        if len(self._rows) < self.notation.shape[0]:
            return None
        self._check_dashes(number)
        block, self._rows, self._breaks = self._rows, [], []
        return self.checked(number, "".join(block))

    def _check_dashes(self, number: int) -> None:
        """A row of dashes alone, in a puzzle that writes its other blanks in another way, may be a rule."""
        others = set("".join(row for row in self._rows if set(row) != {"-"}))
        blanks = {symbol for symbol in others if self.notation.values[symbol] == 0}
        if blanks and "-" not in others and any(set(row) == {"-"} for row in self._rows):
            raise ValueError(
                f"{self.place(number)}: the {self.notation.noun} that ends here can be read in two ways: its row of "
                f"dashes is blank cells, or a rule between rows: write blanks as {min(blanks)!r}, or leave rules out"
            )

    def _break(self, number: int) -> None:
        """A line that says nothing among rows: between bands, and then between all of them, or nowhere."""
        count, band = len(self._rows), self.notation.band
        if count == 0 or self._breaks[-1:] == [count]:
            return
        if not band or [*self._breaks, count] != list(range(band, count + 1, band)):
            self._end_rows(number)
        self._breaks.append(count)

    def _end_rows(self, number: int) -> None:
        if self._rows:
            rows, columns = self.notation.shape
            raise ValueError(
                f"{self.place(number)}: the {self.notation.noun} that begins on line {self._first} has "
                f"{len(self._rows)} rows here, and needs {rows} of {columns} symbols: complete it{self._spaces()}"
            )

    def _spaces(self) -> str:
        return "; spaces at the end of a line are easily lost, so write '.' for them" if self.notation.spaced else ""

    def _refuse(self, number: int, line: str, tokens: Sequence[str]) -> NoReturn:
        """Say what is wrong with a line that is no puzzle."""
        notation = self.notation
        longest = max(tokens, key=len)
        text = line if notation.spaced else longest if len(longest) > 1 else "".join(tokens)
        if len(text) != notation.n_cells:
            rows, columns = notation.shape
            raise ValueError(
                f"{self.place(number)}: a {notation.noun} has {notation.n_cells} symbols, found {len(text)}: "
                f"{text[:100]!r}: write it on one line, or as {rows} lines of {columns}{self._spaces()}"
            )
        position = next(index for index, symbol in enumerate(text) if symbol not in notation.known)
        raise ValueError(
            f"{self.place(number)}: symbol {text[position]!r} at position {position + 1}; a {notation.noun} is written "
            f"with {notation.legend}"
        )
