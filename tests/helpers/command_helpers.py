"""Words for the command `trm`, and what they print."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from trm_agents.commands.main import main

ENV = "SudokuPlanEdit-4x4-v0"
AGENT = "zoo:upi-trm-sudoku-4x4"
EASY, EASY_SOLVED = "123.341221434321", "1234341221434321"
MAZE = "MazePlanEdit-15x15-v0"
# Row 3 needs a 3 or a 4 in its last cell, and column 4 has both already: no plan solves it.
UNSOLVABLE = "...3...412......"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, what was printed, and what was printed as errors."""
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What a person types, or a pipe brings."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def saved(tmp_path: Path, algorithm: type, policy: str, env_id: str = ENV, **keywords) -> str:
    """The file of a model that never learned."""
    path = tmp_path / f"{algorithm.__name__}.zip"
    algorithm(policy, gym.make(f"trm_envs:{env_id}", **keywords), seed=0, device="cpu").save(path)
    return str(path)
