"""Hostile input for all public entry points: nothing is silently wrong, crashes or hangs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz.entry_points import ENTRY_POINTS, warm_up
from tests.fuzz.judging import DEFECTS, Case, Verdict, WrongError, judged
from tests.fuzz.searching import search

CASES = 40


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_hostile_input_is_refused_in_clear_words_or_taken_rightly(name: str) -> None:
    """`make fuzz` tries 10,000 cases."""
    warm_up()
    found = search(ENTRY_POINTS[name], CASES)
    assert len(found) >= CASES // 2
    assert [case for case in found if case[0] in (*DEFECTS, Verdict.FOREIGN)] == []


def raising(error: BaseException) -> Case:
    def call() -> None:
        raise error

    return Case("x", call, None, ("beta",))


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (Case("x", lambda: None, True, ()), Verdict.ACCEPTED),
        (Case("x", lambda: None, False, ()), Verdict.SILENT),
        (raising(WrongError("another")), Verdict.SILENT),
        (raising(ValueError("beta must be positive")), Verdict.CLEAR),
        (raising(ValueError("bad value")), Verdict.FOREIGN),
        (raising(KeyError("beta")), Verdict.CRASH),
        (raising(RecursionError("beta")), Verdict.CRASH),
        (Case("x", raising(ValueError("beta")).call, True, ("beta",)), Verdict.REFUSED),
    ],
)
def test_verdicts(case: Case, verdict: Verdict) -> None:
    assert judged(case)[0] == verdict


def test_a_case_that_does_not_end_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.judging.LIMIT_S", 1)

    def for_ever() -> None:
        while True:
            pass

    assert judged(Case("x", for_ever, None, ()))[0] is Verdict.HANG
