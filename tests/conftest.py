"""What all tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread a process, where torch is loaded: it oversubscribes small machines."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    yield
