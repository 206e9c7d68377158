"""The page of refutations: what trained survival values know of dead edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.protocol.rows import RefutationRow
from benchmarks.protocol.suites import SUITES
from benchmarks.reporting import tables


def content(rows: Sequence[RefutationRow]) -> list[dict[str, Any]]:
    """What the template says, a part for each suite, in their order."""
    suites = [name for name in SUITES if any(row.suite == name for row in rows)]
    found = {name: tables.refutation_table([row for row in rows if row.suite == name]) for name in suites}
    return [{"suite": name, "table": tables.markdown(*table)} for name, table in found.items()]
