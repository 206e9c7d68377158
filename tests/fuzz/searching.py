"""Cases of an entry point that hypothesis draws, and the verdicts on them."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .judging import Case, Verdict, judged

Found = tuple[Verdict, str, str]
"""Verdict, case, message."""


def search(cases: st.SearchStrategy[Case], count: int, start: int = 0) -> list[Found]:
    """The verdicts on so many cases; the same for the same start."""
    found: list[Found] = []

    @seed(start)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def one(case: Case) -> None:
        verdict, message = judged(case)
        found.append((verdict, case.text, message))

    one()
    return found
