"""Tables of the README and of hand-written pages, from published rows and from the zoo's cards.

A block between `<!-- table:NAME -->` and `<!-- /table -->` is replaced by the table of that name: `overview`,
`headline`, `survival` and `control` (sentences), `method:ROW`, a suite's name, `zoo`, `cited`, `compared`, `scaling`,
`sweep`, `soak`, `streaming`, `defaults`, `receding`, `latents`, `recursion:NAME`, or `theory:NAME` for docs/theory.md.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.protocol.provenance import ROOT
from benchmarks.protocol.published import PUBLISHED, published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import cited, overview, path_tables, recursion_tables, study_tables, tables
from benchmarks.reporting.sentences import OF_README, WORDS, Numbers, sentences
from benchmarks.reporting.summary import summarise

RESULTS = {"overview": "docs/results/", "overview:site": "results/"}
"""Where the suites' pages are, seen from the README and from the site's first page."""
COMPARED = ("sudoku-9x9", "sudoku-9x9-minimal", "sudoku-9x9-hard", "maze-15x15")
"""Suites that stand beside what others have published, and the columns that describe our lines there."""
COMPARED_HEADS = (*overview.FEW_HEADS, "parameters", "knows", "seeds", "n")
BLOCK = re.compile(r"(<!-- table:(?P<name>\S+) -->\n).*?(<!-- /table -->)", re.DOTALL)


def pages() -> list[Path]:
    """The README and all pages under docs/ that have a marked table."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if BLOCK.search(path.read_text(encoding="utf-8"))]


def fill(text: str, folder: Path = PUBLISHED) -> str:
    """The text with every marked table made anew.

    Args:
        text: Markdown.
        folder: published rows.

    Raises:
        ValueError: a block is never closed, or names a table that has no published rows.
    """
    if len(re.findall(r"<!-- table:", text)) != len(BLOCK.findall(text)):
        raise ValueError("a table block is not closed: <!-- table:NAME --> needs its own <!-- /table -->")
    return BLOCK.sub(lambda found: found[1] + table(found["name"], folder) + "\n" + found[3], text)


def table(name: str, folder: Path = PUBLISHED) -> str:
    """The Markdown table of a block's name.

    Raises:
        ValueError: there are no published rows for it.
    """
    if name == "zoo":
        content = _zoo()
    elif name == "cited":
        content = cited.table()
    elif name == "compared":
        content = overview.table(published(ResultRow, folder), "results/", COMPARED, COMPARED_HEADS)
    elif name in recursion_tables.TABLES:
        content = recursion_tables.TABLES[name](folder)
    elif name in path_tables.TABLES:
        content = path_tables.TABLES[name](folder)
    elif name in study_tables.TABLES:
        content = study_tables.TABLES[name](folder)
    elif name.startswith("theory:"):
        # Loads torch.
        from benchmarks.studies import theory_tables

        content = theory_tables.table(name, folder / "theory")
    elif name in RESULTS:
        content = overview.table(published(ResultRow, folder), RESULTS[name], overview.HEADLINES, overview.FEW_HEADS)
    elif name.startswith("method:"):
        content = overview.of_method(published(ResultRow, folder), name.partition(":")[2], "../results/")
    elif name in OF_README:
        content = sentences(WORDS, Numbers(published(ResultRow, folder)), only=name)[name]
    else:
        rows = [row for row in published(ResultRow, folder) if row.suite == name]
        content = tables.markdown_summaries(summarise(rows)) if rows else ""
    if not content:
        raise ValueError(f"table {name!r}: there are no published rows for it")
    return content


def _zoo() -> str:
    # Loads torch, which the other tables do not need.
    from trm_agents import zoo

    return tables.markdown_columns(tables.CARD_COLUMNS, tables.measured(map(zoo.card, zoo.names())))
