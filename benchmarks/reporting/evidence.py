"""Everything that was published, read once for all pages of results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from benchmarks.protocol import records
from benchmarks.protocol.published import ABLATION, PUBLISHED, ablations, is_of, published
from benchmarks.protocol.rows import ComputeRow, CurveRow, RefutationRow, ResultRow, SpeedRow, TuningRow
from benchmarks.protocol.study_rows import GrowthRow, PlanningRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting.parts import shipped_pool


class Evidence(NamedTuple):
    """All published rows, and the pools that they were scored on."""

    results: list[ResultRow]
    curves: list[CurveRow]
    compute: list[ComputeRow]
    tuning: list[TuningRow]
    speed: list[SpeedRow]
    refutations: list[RefutationRow]
    planning: list[PlanningRow]
    growth: list[GrowthRow]
    ablations: dict[str, list[ResultRow]]
    """Results by the run's name."""
    pools: dict[str, NDArray[Any]]
    """Test instances by suite, see `shipped_pool`; suites with rows only."""
    files: dict[str, list[ResultRow]]
    """Results by the name of the file that holds them, which is that of the script that makes it too."""

    @property
    def suites(self) -> list[str]:
        """Suites with results, in the order of the table of suites."""
        return [name for name in SUITES if any(row.suite == name for row in self.results)]


def read(folder: Path = PUBLISHED) -> Evidence:
    """The rows of a folder.

    Raises:
        ValueError: rows were scored on other pools than the shipped ones, or a file has an unknown schema.
    """
    results, compute, varied = published(ResultRow, folder), published(ComputeRow, folder), ablations(folder)
    growth = published(GrowthRow, folder)
    for name in dict.fromkeys(row.suite for row in growth):
        shipped_pool(name, (row for row in growth if row.suite == name))
    scored: list[ResultRow | ComputeRow] = [*results, *compute, *(row for rows in varied.values() for row in rows)]
    pools = {
        name: shipped_pool(name, (row for row in scored if row.suite == name))
        for name in dict.fromkeys(row.suite for row in scored)
    }
    return Evidence(
        results,
        published(CurveRow, folder),
        compute,
        published(TuningRow, folder),
        published(SpeedRow, folder),
        published(RefutationRow, folder),
        published(PlanningRow, folder),
        growth,
        varied,
        pools,
        _files(folder),
    )


def _files(folder: Path) -> dict[str, list[ResultRow]]:
    found = [path for path in sorted(folder.glob("*.csv")) if is_of(path, ResultRow)]
    return {path.stem: records.read(path, ResultRow) for path in found if not path.name.startswith(ABLATION)}


def digest(rows: Sequence[Any], kind: type[Any]) -> str:
    """SHA-256 of the rows that a figure shows, shortened: a changed row changes the page, so the figure is redrawn."""
    return hashlib.sha256(records.to_csv(rows, kind).encode()).hexdigest()[:16]
