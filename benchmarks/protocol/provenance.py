"""Where a number comes from: versions, commit, command, data, processor. No host names, no absolute paths."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PACKAGES = ("numpy", "gymnasium", "numba", "torch", "stable-baselines3", "sb3-contrib", "scipy")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
NODE, COMMIT = "BENCHMARKS_NODE", "BENCHMARKS_COMMIT"
"""Environment variables by which a launcher tells a work its node, and the commit of code that has travelled."""
ROOT = Path(__file__).resolve().parents[2]


class Provenance(NamedTuple):
    """What a row says of the code and the machine behind it."""

    commit: str
    dirty: bool
    cpu: str
    versions: str


def provenance() -> Provenance:
    """Of the code and the machine that run now; commit `unknown` outside a git clone.

    On a cluster the processor's name is followed by the node, which has a number and no host name.
    """
    node = os.environ.get(NODE)
    cpu = f"{cpu_name()}, node {node}" if node else cpu_name()
    if told := os.environ.get(COMMIT):
        return Provenance(told.removesuffix("-dirty"), told.endswith("-dirty"), cpu, versions())
    try:
        commit, dirty = _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        commit, dirty = "unknown", True
    return Provenance(commit, dirty, cpu, versions())


def set_threads(threads: int) -> None:
    """Limit the threads of numeric libraries that this process loads from now on, and of those it starts."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)


def versions() -> str:
    """`python 3.11.2; numpy 2.4.6; ...`, installed packages only."""
    found = [f"python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return "; ".join(found)


def cpu_name() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def command_line(arguments: Sequence[str]) -> str:
    """`python -m benchmarks ...`, with absolute paths cut to their last part."""
    shown = [Path(word).name if os.path.isabs(word) else word for word in arguments]
    return shlex.join(["python", "-m", "benchmarks", *shown])


def pool_hash(instances: NDArray[Any]) -> str:
    """SHA-256 of a pool: its shape, then its cells or numbers in order."""
    kind = "<f8" if instances.dtype.kind == "f" else "i1"
    array = np.ascontiguousarray(instances, kind)
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
