"""Ablations: published runs in which one thing of a method is different, beside the method itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.stats import Paired, paired_difference
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting.summary import Summary, solved_by, summarise

REFERENCE = "upi_trm"
"""Method that variants under names of their own are compared with."""


def changed(algo: str) -> str:
    """The method that a variant changes: `ppo` of `ppo@n_steps=8`, the reference of a name of its own."""
    method, at, _ = algo.partition("@")
    return method if at else REFERENCE


class Ablation(NamedTuple):
    """A variant on a suite at a budget, and the method it changes: same puzzles, budget and seeds."""

    name: str
    """Of the published run, without its prefix."""
    variant: Summary
    reference: Summary
    paired: Paired
    """Variant minus reference."""

    @property
    def label(self) -> str:
        """The variant's name where it has one of its own, else the run's."""
        return self.name if self.variant.algo == REFERENCE else self.variant.algo


def compared(runs: Mapping[str, Sequence[ResultRow]], others: Sequence[ResultRow]) -> list[Ablation]:
    """Every variant of the ablation runs, in the order of the suites.

    Contestants of a run but `upi_trm` are its variants; the reference of one is the run's own method that it changes.
    A run that has `upi_trm` alone is a variant as a whole. Where a run has no reference, that of `others` is taken. Of
    the reference count the variant's seeds alone.

    Args:
        runs: rows by the run's name.
        others: published rows outside of ablations.

    Raises:
        ValueError: there is no reference on the same suite at the same budget with all of the variant's seeds.
    """
    found = [one for name, rows in runs.items() for one in _of_run(name, rows, others)]
    suites = list(SUITES)
    return sorted(found, key=lambda one: (suites.index(one.variant.suite), one.variant.steps, one.name))


def _of_run(name: str, rows: Sequence[ResultRow], others: Sequence[ResultRow]) -> list[Ablation]:
    contestants = [line for line in summarise(rows) if not line.is_reference]
    renamed = [line for line in contestants if line.algo != REFERENCE]
    own = rows if renamed else ()
    return [_beside(name, line, rows, own, others) for line in renamed or contestants]


def _beside(
    name: str, line: Summary, rows: Sequence[ResultRow], own: Sequence[ResultRow], others: Sequence[ResultRow]
) -> Ablation:
    varied = solved_by(rows, line)
    references = _references(own, line, varied) or _references(others, line, varied)
    missing = sorted(varied.keys() - {row.seed for row in references})
    if missing:
        raise ValueError(
            f"ablation {name!r}: no published {changed(line.algo)} on {line.suite} at {line.steps} steps "
            f"with the seeds {missing} to compare it with; publish them, or run them with the ablation"
        )
    (reference,) = summarise(references)
    paired = paired_difference(varied, solved_by(references, reference))
    return Ablation(name, line, reference, paired)


def _references(rows: Sequence[ResultRow], line: Summary, seeds: Collection[int]) -> list[ResultRow]:
    key = (line.suite, changed(line.algo), line.steps)
    return [row for row in rows if (row.suite, row.algo, row.steps) == key and row.seed in seeds]
