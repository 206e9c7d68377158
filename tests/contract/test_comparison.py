"""Figures of others stand in one file with their sources, and the page has them from there alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.reporting import cited
from benchmarks.reporting.readme import BLOCK

PAGE = Path(__file__).parents[2] / "docs" / "comparison.md"


def test_the_page_has_every_figure_with_its_source() -> None:
    blocks = {found["name"]: found[0] for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}
    assert set(blocks) == {"cited", "compared"}
    figures = cited.cited()
    assert {"TRM", "PTRM", "LDT", "ConsFormer", "UPI-TRM", "ANYCSP"} == {one.system for one in figures}
    for one in figures:
        (line,) = [row for row in blocks["cited"].splitlines() if f"| {one.system} | {one.instances} |" in row]
        assert all(value in line for value in vars(one).values() if value != one.schema)


def test_no_figure_is_typed_by_hand() -> None:
    prose = BLOCK.sub("", PAGE.read_text(encoding="utf-8"))
    assert re.findall(r"\d[\d.,]* ?(?:%|points|M\b|k\b)", prose) == []
    figures = {number for one in cited.cited() for number in re.findall(r"\d+\.\d+", one.solved)}
    assert figures and not [number for number in figures if number in prose]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": ""}, "name the source"),
        ({"read": "heard"}, "read is 'heard'"),
        ({"more": "x"}, "unknown fields: more"),
    ],
)
def test_a_figure_without_a_source_is_refused(tmp_path: Path, change: dict[str, str], message: str) -> None:
    figures = json.loads(cited.FILE.read_text(encoding="utf-8"))
    path = tmp_path / "cited.json"
    path.write_text(json.dumps([figures[0], figures[1] | change]), encoding="utf-8")
    with pytest.raises(ValueError, match=f"cited.json, figure 2.*{message}"):
        cited.cited(path)
