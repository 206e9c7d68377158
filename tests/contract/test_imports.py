"""Who may import whom: the table of docs/architecture.md, read as data, against the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("trm_envs", "trm_agents", "baselines", "benchmarks")
HEAVY = ("torch", "stable_baselines3", "sb3_contrib")
DRAWING = ("matplotlib", "PIL", "rich")
WHOLE = ("trm_envs", "trm_agents", "benchmarks")
"""Rooms that are a package's own front door: their row speaks of the files at its top."""


def table() -> dict[str, set[str]]:
    """Room -> what it may import, from the architecture page."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = page.split("<!-- imports -->")[1].split("<!-- /imports -->")[0].strip().splitlines()[2:]
    found: dict[str, set[str]] = {}
    for line in lines:
        rooms, _, allowed = (cell.strip() for cell in line.strip("|").split("|"))
        for room in re.findall(r"`([^`]+)`", rooms):
            found[room] = set(re.findall(r"`([^`]+)`", allowed))
    return found


def files(root: Path = ROOT) -> dict[str, Path]:
    """Module name -> file."""
    paths = [path for package in OURS for path in (root / package).rglob("*.py")]
    return {_module(path.relative_to(root)): path for path in sorted(paths)}


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(module: str, path: Path) -> set[str]:
    """Full names of the modules and of what is imported from them, in any function and for types alone."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{source}.{alias.name}" for alias in node.names}
    return names


@cache
def graph(root: Path = ROOT) -> Mapping[str, set[str]]:
    """Module -> modules of ours that it imports: the module of a name, not the packages above it."""
    known = files(root)
    return {
        module: {owner for name in imports_of(module, path) if (owner := _owner(name, known)) and owner != module}
        for module, path in known.items()
    }


def _owner(name: str, known: Iterable[str]) -> str | None:
    """The longest module of ours that a full name begins with."""
    parts = name.split(".")
    names = [".".join(parts[:k]) for k in range(len(parts), 0, -1)]
    return next((each for each in names if each in known), None)


def room_of(module: str, rooms: Iterable[str]) -> str | None:
    """The most specific room that a module belongs to."""
    inside = [room for room in rooms if module == room or module.startswith(f"{room}.")]
    return max(inside, key=len, default=None)


def forbidden(module: str, imported: Iterable[str], rules: Mapping[str, set[str]]) -> list[str]:
    """The imports of a module that its room's row does not list."""
    own = room_of(module, rules)
    allowed = {own, *rules.get(own or "", ())}
    bad = []
    for name in imported:
        inside = [room for room in rules if name == room or name.startswith(f"{room}.")]
        if not allowed & set(inside):
            bad.append(name)
    return sorted(bad)


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one node."""
    reach: dict[str, set[str]] = {}
    for node in arrows:
        seen, left = set(), list(arrows[node])
        while left:
            other = left.pop()
            if other not in seen:
                seen.add(other)
                left += arrows.get(other, ())
        reach[node] = seen
    found = {frozenset({node} | {other for other in reach[node] if node in reach.get(other, ())}) for node in arrows}
    return sorted(sorted(group) for group in found if len(group) > 1)


def test_every_file_belongs_to_a_room() -> None:
    rules = table()
    assert [module for module in files() if room_of(module, rules) is None] == []


@pytest.mark.parametrize("module", files())
def test_a_room_imports_what_its_row_lists(module: str) -> None:
    assert forbidden(module, graph()[module], table()) == []


def test_the_environments_know_no_agent_and_nothing_heavy() -> None:
    for module, path in files().items():
        if module.startswith("trm_envs"):
            assert not [name for name in imports_of(module, path) if name.split(".")[0] in HEAVY], module


def test_there_is_no_circle_between_files() -> None:
    # A front door imports what stands behind it, and nothing behind it imports the door.
    arrows = {
        module: {name for name in names if not (name in WHOLE or module in WHOLE)} for module, names in graph().items()
    }
    assert circles(arrows) == []


def test_there_is_no_circle_between_rooms() -> None:
    rules, arrows = table(), defaultdict[str, set[str]](set)
    for module, names in graph().items():
        own = room_of(module, rules)
        if own is None or own in WHOLE:
            continue
        arrows[own] |= {room for name in names if (room := room_of(name, rules)) and room != own and room not in WHOLE}
    assert circles(arrows) == []


def test_nothing_behind_a_front_door_imports_the_door() -> None:
    for module, names in graph().items():
        door = module.split(".")[0]
        if module != door and door in WHOLE and not module.endswith("__main__"):
            assert door not in names, module


def test_the_rules_can_be_broken() -> None:
    rules = {"a": {"b"}, "a.deep": set(), "b": set(), "c": {"a"}}
    assert forbidden("a.x", {"b.y", "a.z"}, rules) == []
    assert forbidden("a.x", {"c.y"}, rules) == ["c.y"]
    assert forbidden("a.deep.x", {"b.y"}, rules) == ["b.y"]
    assert forbidden("c.x", {"a.deep.y"}, rules) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_benchmarks_has_three_files_at_its_top() -> None:
    assert {path.name for path in (ROOT / "benchmarks").glob("*.py")} == {"__init__.py", "__main__.py", "cli.py"}


@pytest.mark.parametrize("module", files())
def test_files_functions_and_constructors_have_a_size_that_can_be_read(module: str) -> None:
    source = files()[module].read_text(encoding="utf-8")
    assert source.count("\n") <= 350
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            arguments = len(node.args.args) + len(node.args.kwonlyargs) - 1
            assert arguments <= 30, f"{node.name} has {arguments} arguments"
            # Of a constructor, the statements count: its signature is a list.
            length = (node.end_lineno or 0) - (node.body[0].lineno if node.name == "__init__" else node.lineno) + 1
            assert length <= 70, f"{node.name} has {length} lines"


def test_the_environments_import_nothing_heavy() -> None:
    code = (
        "import sys, gymnasium, trm_envs\n"
        "for row in trm_envs.ENVIRONMENTS:\n"
        "    gymnasium.make(row.id).reset(seed=0)\n"
        f"print([name for name in {(*HEAVY, *DRAWING)!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
