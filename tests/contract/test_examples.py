"""Every example runs as it is and says what it did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


SMALL = {
    "hindsight_in_one_file.py": ["--steps", "1000", "--min-buffer-size", "100"],
    "hindsight_trm.py": ["--steps", "1000", "--puzzles", "5"],
    "maskable_ppo.py": ["--steps", "300", "--episodes", "5"],
    "own_puzzle.py": ["--steps", "600"],
    "plain_gymnasium.py": ["--steps", "300"],
    "sb3_ppo.py": ["--steps", "300", "--episodes", "5"],
    "upitrm.py": ["--steps", "600", "--puzzles", "5"],
    "walk_mazes.py": ["--steps", "1024", "--episodes", "5"],
}
"""Example -> settings with which it learns and is done in seconds."""


def test_every_example_has_small_settings() -> None:
    assert {path.name for path in EXAMPLES} == set(SMALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_example_runs(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path), *SMALL.get(path.name, [])],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "solved" in done.stdout
