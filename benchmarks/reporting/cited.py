"""Figures that others have published, each with its source: data, so that no page types them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reporting import tables
from trm_agents.common.fields import record_of

FILE = Path(__file__).with_name("cited.json")
READ = ("paper", "abstract", "repository", "second-hand")
"""Where a figure can have been read; second-hand: in another work that cites it."""
HEADS = (
    "system",
    "instances",
    "solved",
    "labels",
    "told of the rules",
    "parameters",
    "at test time",
    "source",
    "read in",
)


@dataclass(frozen=True)
class Cited:
    """What one system is said to solve, what it was told, and who says so."""

    system: str
    instances: str
    solved: str
    """Empty where there is no figure."""
    labels: str
    told: str
    parameters: str
    compute: str
    source: str
    read: str
    """Some of `READ`, with `; ` between them."""
    schema: str = "cited/1"


def cited(file: Path = FILE) -> list[Cited]:
    """All figures of a file, in its order.

    Raises:
        ValueError: a figure lacks a field or has an unknown one, has no source, or does not say where it was read.
    """
    found = []
    for number, values in enumerate(json.loads(file.read_text(encoding="utf-8")), 1):
        one = record_of({"schema": Cited.schema, **values}, Cited, f"{file.name}, figure {number}")
        if not one.source or not set(one.read.split("; ")) <= set(READ):
            raise ValueError(
                f"{file.name}, figure {number}: source is {one.source!r} and read is {one.read!r}: name the source, "
                f"and where the figure was read ({', '.join(READ)})"
            )
        found.append(one)
    return found


def table(file: Path = FILE) -> str:
    """The figures as a Markdown table."""
    rows = [
        [one.system, one.instances, one.solved, one.labels, one.told, one.parameters, one.compute, one.source, one.read]
        for one in cited(file)
    ]
    # Most columns are words.
    return tables.markdown(list(HEADS), rows).replace("---:", ":---")
