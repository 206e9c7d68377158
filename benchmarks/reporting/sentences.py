"""Numbers inside hand-written sentences: a sentence names a measurement, the published rows say its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import suite
from benchmarks.reporting import tables
from benchmarks.reporting.ablations import Ablation
from benchmarks.reporting.control_tables import columns_of, share
from benchmarks.reporting.overview import glance
from benchmarks.reporting.rendering import environment
from benchmarks.reporting.summary import ControlSummary, Summary, difference, summarise

WORDS = Path(__file__).parent / "words"
"""Hand-written sentences: of a suite (`SUITE.md`), of pages about all (`GENERAL`), of the README (`OF_README`)."""
OF_README = ("headline", "survival", "control", "recursion")
GENERAL = ("claims", "targets", "told", *OF_README)


NAMES = ("success", "rate", "minus", "best_other", "ablation", "cost", "gap")
"""What sentences may ask for: methods of `Numbers`."""


class Numbers:
    """What sentences may ask for; each method returns Markdown and raises `LookupError` where there are no rows.

    Args:
        results: published results.
        ablations: variants beside their references.
    """

    def __init__(self, results: Sequence[ResultRow], ablations: Sequence[Ablation] = ()) -> None:
        self._rows = results
        self._lines = summarise(results)
        self._ablations = ablations

    def functions(self) -> Mapping[str, object]:
        """Names that a sentence may use."""
        return {name: getattr(self, name) for name in NAMES}

    def success(self, suite: str, algo: str, steps: int = 0) -> str:
        """`99.9 %`: mean success over seeds; steps = 0 for lines that do not train."""
        return tables.percent(self._line(suite, algo, steps).success.mean)

    def rate(self, suite: str, algo: str, steps: int = 0) -> str:
        """`99.9 % [99.8, 100.0]`: mean success with its interval."""
        return tables.rate(self._line(suite, algo, steps).success)

    def cost(self, suite: str, algo: str, steps: int, head: str) -> str:
        """What the column `head` of the tables says of a line."""
        line = self._line(suite, algo, steps)
        return next(column for column in columns_of([line]) if column.head == head).cell(line)

    def gap(self, suite: str, algo: str, steps: int = 0, edits: int = 0) -> str:
        """`0.084 %`: mean gap to the reference optimum after so many edits; 0 for plans that are not edited."""
        line = self._line(suite, algo, steps)
        for after in line.by_edits if isinstance(line, ControlSummary) else ():
            if after.edits == edits:
                return share(after.mean)
        raise LookupError(
            f"a sentence asks for the gap of {algo} on {suite} after {edits} edits: there are no such rows"
        )

    def minus(self, suite: str, algo: str, other: str, steps: int, other_steps: int | None = None) -> str:
        """`+1.2 points, 95 % interval ...`: paired difference of two lines on the same puzzles."""
        a, b = self._line(suite, algo, steps), self._line(suite, other, steps if other_steps is None else other_steps)
        return tables.paired_text(difference(self._rows, a, b))

    def best_other(self, suite: str) -> str:
        """Success and name of the best method that is not ours, at the budget of the overview."""
        found = glance(suite, [line for line in self._lines if line.suite == suite])
        if found is None or not found.others:
            raise LookupError(f"no other method has rows on {suite}")
        return f"{tables.rate(found.others[0].success)} (*{found.others[0].algo}*)"

    def ablation(self, suite: str, algo: str) -> str:
        """Success of a variant, or of the method that variants change."""
        for line in (line for one in self._ablations for line in (one.variant, one.reference)):
            if (line.suite, line.algo) == (suite, algo):
                return tables.percent(line.success.mean)
        raise LookupError(f"a sentence asks for the ablation {algo} on {suite}: there are no published rows")

    def _line(self, suite: str, algo: str, steps: int) -> Summary:
        for line in self._lines:
            if (line.suite, line.algo, line.steps) == (suite, algo, steps):
                return line
        raise LookupError(f"a sentence asks for {algo} on {suite} at {steps} steps: there are no published rows")


def sentences(words: Path, numbers: Numbers, only: str = "*") -> dict[str, str]:
    """Sentences with their numbers filled in, by the name of their file.

    Args:
        words: folder of Markdown files that call methods of `Numbers`: `{{ success("sudoku-9x9", "ppo", 60000) }}`.
        numbers: where the numbers come from.
        only: name of a single file.

    Raises:
        ValueError: a file is about no suite.
        LookupError: a sentence asks for a number that no row holds.
    """
    files = {path.stem: path.read_text(encoding="utf-8") for path in sorted(words.glob(f"{only}.md"))}
    for name in files.keys() - set(GENERAL):
        suite(name)
    templates, functions = environment(), numbers.functions()
    return {name: templates.from_string(text).render(functions).strip() for name, text in files.items()}
