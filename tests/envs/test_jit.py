"""Kernels where compiled code can be cached nowhere, and where it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import trm_envs
from trm_envs import jit
from trm_envs.jit import kernel

PLAY = """
import gymnasium as gym
env = gym.make("trm_envs:MazePlanEdit-5x5-v0")
env.reset(seed=3)
print([env.step(action)[1] for action in (6, 7, 8)])
"""


@pytest.fixture
def package_without_a_cache(tmp_path: Path) -> Path:
    """A copy of the package in whose folders no `__pycache__` can be made, for root neither: a file has the name."""
    copy = tmp_path / "installed" / "trm_envs"
    source = Path(trm_envs.__file__).parent
    shutil.copytree(source, copy, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    return copy.parent


@pytest.mark.parametrize("variable", ["HOME", "NUMBA_CACHE_DIR"])
def test_environments_work_where_no_cache_can_be_written_and_say_so_once(
    package_without_a_cache: Path, variable: str
) -> None:
    nowhere = str(package_without_a_cache / "trm_envs" / "__init__.py" / "below a file")
    places = {"HOME": nowhere, variable: nowhere}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(package_without_a_cache), **places}
    played = subprocess.run(
        [sys.executable, "-c", PLAY],
        cwd=package_without_a_cache,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    assert played.stderr.count("RuntimeWarning") == 1 and "NUMBA_CACHE_DIR" in played.stderr
    env = gym.make("trm_envs:MazePlanEdit-5x5-v0")
    env.reset(seed=3)
    assert played.stdout.strip() == str([env.step(action)[1] for action in (6, 7, 8)])


def ratio(x: float, y: float) -> float:
    return x / y


def floating_ratio(x: float, y: float) -> float:
    return x / y


def test_compile_flags_stay_those_of_each_kernel() -> None:
    with pytest.raises(ZeroDivisionError):
        kernel()(ratio)(1.0, 0.0)
    assert kernel(error_model="numpy")(floating_ratio)(1.0, 0.0) == np.inf


def test_an_error_that_no_cache_explains_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**flags: object) -> None:
        raise RuntimeError("another cause")

    monkeypatch.setattr(jit, "njit", broken)
    with pytest.raises(RuntimeError, match="another cause"):
        kernel()(ratio)
