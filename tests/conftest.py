"""What all tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_helpers import EASY


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread a process, where torch is loaded: it oversubscribes small machines."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    yield


@pytest.fixture
def file_of_two(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text(f"{EASY}\n.234341221434321\n")
    return path
