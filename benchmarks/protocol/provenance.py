"""Where a number comes from: versions, commit, command, data, processor. No host names, no absolute paths."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from trm_agents.common.threads import set_threads
from trm_envs.pools.hashing import pool_hash

__all__ = ["Provenance", "command_line", "cpu_name", "pool_hash", "provenance", "set_threads", "versions"]

PACKAGES = ("numpy", "gymnasium", "numba", "torch", "stable-baselines3", "sb3-contrib", "scipy")
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


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
