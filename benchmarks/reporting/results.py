"""The pages of results, everything that was published: an index, a page a suite, ablations, compute and tuning."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.stats import LEVEL
from benchmarks.reporting import (
    ablations,
    compute_page,
    growth_page,
    overview,
    refutation_page,
    scoreboard_page,
    suite_page,
    tables,
    targets_page,
    told_page,
    tuning_page,
)
from benchmarks.reporting.evidence import Evidence, read
from benchmarks.reporting.rendering import environment
from benchmarks.reporting.scoreboard_page import SCOREBOARD
from benchmarks.reporting.sentences import WORDS, Numbers, sentences
from benchmarks.reporting.suite_page import Draw
from trm_agents.commands.entries import entries


class Pages(NamedTuple):
    """The pages and what draws their figures; paths are seen from the folder of the pages."""

    texts: dict[str, str]
    """File name -> Markdown."""
    figures: dict[str, Draw]
    """Path -> PNG; drawn when called."""


def pages(folder: Path = PUBLISHED, words: Path = WORDS) -> Pages:
    """The pages of a folder of published rows.

    Args:
        folder: published rows.
        words: hand-written sentences.

    Raises:
        ValueError: rows were scored on other pools than the shipped ones, an ablation has no reference, or sentences
            are about no suite.
        LookupError: a sentence asks for a number that no row holds.
    """
    evidence = read(folder)
    varied = ablations.compared(evidence.ablations, evidence.results)
    templates = environment()
    said = sentences(words, Numbers(evidence.results, varied))
    figures: dict[str, Draw] = {}
    suites = {name: suite_page.content(name, evidence, figures) for name in evidence.suites}
    contents: dict[str, dict[str, Any]] = {
        "index": _index(evidence, said),
        "ablations": {"parts": ablations.content(varied)},
        "compute": {"searches": compute_page.content(evidence.compute, figures)},
        "targets": {
            "targets": targets_page.TARGETS,
            "parts": targets_page.content(evidence.results),
            "remarks": said.get("targets", ""),
        },
        "told": {
            "cores": told_page.CORES,
            "parts": told_page.content(evidence.results),
            "timed": told_page.by_time(evidence.results),
            "remarks": said.get("told", ""),
        },
        "growth": {"parts": growth_page.content(evidence.growth)},
        "refutation": {"parts": refutation_page.content(evidence.refutations)},
        **{page: {"parts": tuning_page.content(evidence.tuning, about)} for page, about in tuning_page.PAGES.items()},
    }
    texts = {f"{page}.md": _render(templates, page, content) for page, content in contents.items()}
    for name, content in suites.items():
        texts[f"{name}.md"] = _render(
            templates, "suite", {**content, "pages": suites.keys(), "remarks": said.get(name, "")}
        )
    texts["scoreboard.md"] = scoreboard()
    return Pages(texts, figures)


def scoreboard(folder: Path = SCOREBOARD) -> str:
    """The page of the scoreboard.

    Raises:
        ValueError: an entry is damaged or contradicts itself.
    """
    return _render(environment(), "scoreboard", {"parts": scoreboard_page.content(entries(folder))})


def _index(evidence: Evidence, said: dict[str, str]) -> dict[str, Any]:
    return {
        "level": f"{100 * LEVEL:g} %",
        "overview": overview.table(evidence.results, page=""),
        "systems": overview.systems(evidence.results, page=""),
        "claims": said.get("claims", ""),
        "speed": tables.markdown_columns(tables.SPEED_COLUMNS, evidence.speed) if evidence.speed else "",
        "families": [list(names) for _, names in groupby(evidence.suites, lambda name: name.partition("-")[0])],
    }


def _render(templates: Environment, page: str, content: dict[str, Any]) -> str:
    text = templates.get_template(f"results/{page}.md").render(content)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"
