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


SIDE = "def area(side): return side * side\n"
ASK = "from shapes.kernels import f; print(f(2), sum(f.stats.cache_hits.values()))"


def test_a_cached_kernel_notices_constants_and_kernels_of_other_files(tmp_path: Path) -> None:
    """By itself, numba asks for the kernel's own file, and goes on with what the others held."""
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    (shapes / "__init__.py").touch()
    (shapes / "numbers.py").write_text("SCALE = 10\n")
    (shapes / "middle.py").write_text("try:\n    from .numbers import SCALE\nexcept ImportError:\n    SCALE = 0\n")
    (shapes / "sides.py").write_text(f"from trm_envs.jit import kernel\n\n@kernel()\n{SIDE}")
    kernels = "from shapes import middle\nfrom shapes.sides import area\nfrom trm_envs.jit import kernel\n"
    kernels += "SCALE = middle.SCALE\n\n@kernel()\ndef f(x): return SCALE * area(x) + x\n"
    (shapes / "kernels.py").write_text(kernels)
    roots = f"{tmp_path}:{Path(trm_envs.__file__).parents[1]}"
    environment = {**os.environ, "PYTHONPATH": roots, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def asked() -> str:
        return subprocess.check_output([sys.executable, "-c", ASK], env=environment, text=True).strip()

    assert asked() == "42 0"
    assert asked() == "42 1"
    (shapes / "numbers.py").write_text("SCALE = 1000\n")
    assert asked() == "4002 0"
    (shapes / "sides.py").write_text(
        f"from trm_envs.jit import kernel\n\n@kernel()\n{SIDE.replace('side * side', 'side + 1')}"
    )
    assert asked() == "3002 0"
    assert asked() == "3002 1"
