"""Published rows: the files behind every number in the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.protocol import records, sums
from benchmarks.protocol.folder import Folder
from benchmarks.protocol.rows import (
    ComputeRow,
    ControlRow,
    CurveRow,
    RefutationRow,
    ResultRow,
    ShortestRow,
    SpeedRow,
    TuningRow,
)
from benchmarks.protocol.study_rows import (
    DefaultsRow,
    GrowthRow,
    LatentsRow,
    MiniGridRow,
    PathsRow,
    PlanningRow,
    RecedingRow,
    ScalingRow,
    SoakRow,
    StreamingRow,
)
from trm_agents.common.fields import variant

PUBLISHED = Path(__file__).resolve().parents[1] / "published"
ABLATION = "ablation-"
"""A run published under a name that begins so changes one thing of a method; its rows stay out of all other tables."""
KINDS = (
    ResultRow,
    ShortestRow,
    ControlRow,
    CurveRow,
    ComputeRow,
    DefaultsRow,
    GrowthRow,
    LatentsRow,
    MiniGridRow,
    PathsRow,
    PlanningRow,
    RecedingRow,
    RefutationRow,
    ScalingRow,
    SoakRow,
    SpeedRow,
    StreamingRow,
    TuningRow,
)
SCHEMAS = {kind.schema for kind in KINDS}

Record = TypeVar("Record")


def published(kind: type[Record], folder: Path = PUBLISHED) -> list[Record]:
    """All published records of a class, except those of ablations, the latest of every key.

    Raises:
        ValueError: a file has a schema that is not known here, or was changed since it was published.
    """
    files = [path for path in _files(folder, kind) if not path.name.startswith(ABLATION)]
    return records.latest(record for path in files for record in records.read(path, kind))


def ablations(folder: Path = PUBLISHED) -> dict[str, list[ResultRow]]:
    """Results of every published run `ablation-NAME`, by NAME.

    Raises:
        ValueError: a file has a schema that is not known here.
    """
    files = [path for path in _files(folder, ResultRow) if path.name.startswith(ABLATION)]
    return {path.stem.removeprefix(ABLATION): records.latest(records.read(path, ResultRow)) for path in files}


def _files(folder: Path, kind: type[Any]) -> list[Path]:
    """Files with records of a class, by name; all files of the folder are what was published."""
    sums.verify(folder)
    found = {p: records.schema_of(p) for p in sorted(folder.glob("*")) if p.suffix in (".csv", ".jsonl")}
    for path, schema in found.items():
        if schema not in SCHEMAS:
            raise ValueError(f"published file {path.name} has unknown schema {schema!r}; known: {sorted(SCHEMAS)}")
    return [path for path in found if is_of(path, kind)]


def is_of(path: Path, kind: type[Any]) -> bool:
    """Whether a file's records are of a class, or of one that says more."""
    schema = records.schema_of(path)
    return bool(variant(kind, schema).schema == schema)


def plain(name: str) -> str:
    """A name under which rows can be published: letters, digits, `-` and `_`.

    Raises:
        ValueError: the name has other symbols, so that its file could lie elsewhere or be taken for another one's.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(f"a published name is letters, digits, '-' and '_', like sudoku-9x9, got {name!r}")
    return name


def publish(folder: Folder, name: str, to: Path = PUBLISHED) -> list[Path]:
    """Copy a finished run's rows and learning curves to `NAME.csv` and `NAME.curves.csv`.

    Raises:
        ValueError: the name is not a plain one, a row is damaged, or a cell has failed or is missing: half a comparison
            is not published.
    """
    plain(name)
    folder.refuse_damage()
    rows, curves = folder.results(), folder.curves()
    done = {row.key for row in rows}
    if unfinished := [cell for cell in folder.plan() if cell.key not in done]:
        raise ValueError(f"{len(unfinished)} cells have no result, {unfinished[0]} for one: finish the run first")
    files = [to / f"{name}.csv", to / f"{name}.curves.csv"]
    records.write_atomically(files[0], records.to_csv(rows, records.class_of(rows)))
    if curves:
        records.write_atomically(files[1], records.to_csv(curves, CurveRow))
    written = files if curves else files[:1]
    sums.seal(to, [path.name for path in written])
    return written
