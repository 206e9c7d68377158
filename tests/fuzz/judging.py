"""A case, and the verdict on what became of it."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gymnasium.error import Error as GymnasiumError

LIMIT_S = 20
"""Seconds after which a case hangs."""
REFUSALS = (ValueError, TypeError, OSError, GymnasiumError)
"""What input may be refused with."""


class Verdict(StrEnum):
    """Outcome classes; the last four are defects."""

    ACCEPTED = "accepted rightly"
    CLEAR = "clear error"
    FOREIGN = "foreign message"
    REFUSED = "refused wrongly"
    SILENT = "silently wrong"
    CRASH = "crash"
    HANG = "hang"


DEFECTS = (Verdict.REFUSED, Verdict.SILENT, Verdict.CRASH, Verdict.HANG)


class WrongError(Exception):
    """Input was taken for something that it is not."""


class LateError(BaseException):
    """Time is up; no `except Exception` holds it up."""


@dataclass(frozen=True)
class Case:
    """One call with input that may be hostile.

    Args:
        text: what is tried, for the report.
        call: tries it; raises `WrongError` where the result is not what the input says.
        valid: whether the input is to be accepted; None where `call` alone tells.
        names: words of which a refusal must contain one: the keyword, or the place in a file.
    """

    text: str
    call: Callable[[], object]
    valid: bool | None
    names: tuple[str, ...]


def judged(case: Case) -> tuple[Verdict, str]:
    """The verdict on a case, and the message behind it."""
    try:
        with _within(LIMIT_S), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case.call()
    except LateError:
        return Verdict.HANG, f"more than {LIMIT_S} s"
    except WrongError as error:
        return Verdict.SILENT, str(error)
    except REFUSALS as error:
        message = f"{type(error).__name__}: {error}"
        if case.valid:
            return Verdict.REFUSED, message
        return (Verdict.CLEAR if any(name in str(error) for name in case.names) else Verdict.FOREIGN), message
    except BaseException as error:  # whatever else it may be
        if isinstance(error, KeyboardInterrupt):
            raise
        return Verdict.CRASH, f"{type(error).__name__}: {error}"
    return (Verdict.SILENT, "accepted") if case.valid is False else (Verdict.ACCEPTED, "")


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise LateError

    before = signal.signal(signal.SIGALRM, late)
    # Again and again: one that falls into a callback of the collector is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
