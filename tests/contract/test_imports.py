"""Who may import whom (docs/architecture.md), read from the source and tried in a fresh process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("trm_envs", "trm_agents", "baselines", "benchmarks")
FILES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "stable_baselines3", "sb3_contrib")
DRAWING = ("matplotlib", "PIL", "rich")


def imports_of(path: Path) -> set[str]:
    """Full names of the modules and of what is imported from them."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def forbidden(path: Path) -> list[str]:
    """The imports of a file that break a rule."""
    owner = path.relative_to(ROOT).parts[0]
    banned = {
        "trm_envs": ("trm_agents", "baselines", "benchmarks", *HEAVY),
        "trm_agents": ("baselines", "benchmarks"),
        "baselines": ("benchmarks",),
        "benchmarks": (),
    }[owner]
    bad = [name for name in imports_of(path) if any(inside(name, package) for package in banned)]
    if owner == "trm_agents":
        bad += [
            name
            for name in imports_of(path)
            if inside(name, "trm_envs") and name != "trm_envs" and not inside(name, "trm_envs.plan_edit")
        ]
    if path.is_relative_to(ROOT / "trm_agents" / "search"):
        # It takes any proposer: it knows no network, and none is loaded before a policy is asked.
        agents = ("trm_agents.recursion", "trm_agents.upi_trm", *HEAVY[1:])
        bad += [name for name in imports_of(path) if any(inside(name, package) for package in agents)]
    if path.is_relative_to(ROOT / "trm_envs" / "plan_edit"):
        ours = [name for name in imports_of(path) if inside(name, "trm_envs")]
        bad += [name for name in ours if not inside(name, "trm_envs.plan_edit")]
    return sorted(set(bad))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_import_rules(path: Path) -> None:
    assert forbidden(path) == []


def test_the_rules_can_be_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    for where, line, expected in (
        ("trm_envs/sudoku/a.py", "import torch.nn", "torch.nn"),
        ("trm_envs/plan_edit/a.py", "from trm_envs.sudoku import task", "trm_envs.sudoku"),
        ("trm_envs/plan_edit/b.py", "from ..maze.env import x", "trm_envs.maze.env"),
        ("trm_agents/a.py", "def f():\n    from trm_envs.sudoku.env import x", "trm_envs.sudoku.env"),
        ("trm_agents/search/a.py", "from trm_agents.upi_trm import UPITRM", "trm_agents.upi_trm"),
        ("baselines/a.py", "import benchmarks", "benchmarks"),
    ):
        path = tmp_path / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line, encoding="utf-8")
        assert expected in forbidden(path)


def test_the_environments_import_nothing_heavy() -> None:
    code = (
        "import sys, gymnasium, trm_envs\n"
        "for row in trm_envs.ENVIRONMENTS:\n"
        "    gymnasium.make(row.id).reset(seed=0)\n"
        f"print([name for name in {(*HEAVY, *DRAWING)!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
