"""Published rows: the files behind every number in the README."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from benchmarks import records
from benchmarks.folder import Folder
from benchmarks.rows import ComputeRow, CurveRow, ResultRow, SpeedRow

PUBLISHED = Path(__file__).resolve().parent / "published"
SCHEMAS = {kind.schema for kind in (ResultRow, CurveRow, ComputeRow, SpeedRow)}

Record = TypeVar("Record")


def published(kind: type[Record], folder: Path = PUBLISHED) -> list[Record]:
    """All published records of a class, the latest of every key.

    Raises:
        ValueError: a file has a schema that is not known here.
    """
    found: list[Record] = []
    for path in sorted(p for p in folder.glob("*") if p.suffix in (".csv", ".jsonl")):
        schema = records.schema_of(path)
        if schema not in SCHEMAS:
            raise ValueError(f"published file {path.name} has unknown schema {schema!r}; known: {sorted(SCHEMAS)}")
        known: object = getattr(kind, "schema", None)
        if schema == known:
            found += records.read(path, kind)
    return records.latest(found)


def publish(folder: Folder, name: str, to: Path = PUBLISHED) -> list[Path]:
    """Copy a finished run's rows and learning curves to `NAME.csv` and `NAME.curves.csv`.

    Raises:
        ValueError: a cell has failed or is missing: half a comparison is not published.
    """
    rows, curves = folder.results(), folder.curves()
    done = {row.key for row in rows}
    if unfinished := [cell for cell in folder.plan() if cell.key not in done]:
        raise ValueError(f"{len(unfinished)} cells have no result, {unfinished[0]} for one: finish the run first")
    files = [to / f"{name}.csv", to / f"{name}.curves.csv"]
    records.write_atomically(files[0], records.to_csv(rows, ResultRow))
    if curves:
        records.write_atomically(files[1], records.to_csv(curves, CurveRow))
    return files if curves else files[:1]
