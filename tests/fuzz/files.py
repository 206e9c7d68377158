"""Files that are damaged: puzzles, rows of every kind, cards and models."""

from __future__ import annotations

import dataclasses
import io
import json
import tempfile
import zipfile
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from hypothesis import strategies as st

import trm_agents
from benchmarks.protocol import records
from benchmarks.protocol.published import KINDS, PUBLISHED, published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting.scoreboard_page import SCOREBOARD
from trm_agents.commands.entries import read_entry
from trm_agents.zoo.algorithms import loaded
from trm_agents.zoo.cards import read_card
from trm_envs.colouring.env import colouring_problem
from trm_envs.colouring.text import format_graphs
from trm_envs.sudoku.text import read_puzzles

from .judging import Case, WrongError

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
SOLVED = "1234341221434321"
PUZZLES = [f"{'.' * blanks}{SOLVED[blanks:]}" for blanks in (1, 4, 6)]
FILES = ("upi-trm-sudoku-4x4", "upi-trm-survival-9x9", "trc-van-der-pol")
AGENTS = Path(trm_agents.__file__).parent / "zoo" / "agents"


@cache
def solutions() -> np.ndarray[Any, Any]:
    """All 288 solved 4x4 grids, by brute force over rows."""
    rows = [row for row in product(range(1, 5), repeat=4) if len(set(row)) == 4]
    found = []
    for grid in product(rows, repeat=4):
        if all(len(set(column)) == 4 for column in zip(*grid, strict=True)):
            a = np.array(grid)
            if all(len(set(a[i : i + 2, j : j + 2].flat)) == 4 for i in (0, 2) for j in (0, 2)):
                found.append(a.ravel())
    return np.array(found, np.int8)


def check_solvable(grid: Any) -> None:
    """Raise `WrongError` where no solved grid completes a puzzle."""
    if not ((solutions() == grid) | (grid == 0)).all(1).any():
        raise WrongError(f"{grid.tolist()} was taken for a puzzle")


SIGNS = (b"\n", b",", b'"', b"\0", b"0", b".")
SUFFIXES = ("txt", "csv", "npy", "npz", "jsonl", "sdk", "sdm", "ss", "gz", "TXT", "")


@cache
def files() -> dict[str, bytes]:
    """Whole files of puzzles."""
    grids = np.array([[int(c) for c in line.replace(".", "0")] for line in PUZZLES], np.int8)
    npy = io.BytesIO()
    np.save(npy, grids)
    npz = io.BytesIO()
    np.savez_compressed(npz, puzzles=grids)
    lines = "\n".join(PUZZLES)
    table = "".join(f"{i},{line},{SOLVED}\n" for i, line in enumerate(PUZZLES))
    jsonl = "".join(json.dumps({"puzzle": line}) + "\n" for line in PUZZLES)
    return {
        "txt": lines.encode(),
        "utf16": lines.encode("utf-16"),
        "csv": (",puzzle,solution\n" + table).encode(),
        "npy": npy.getvalue(),
        "npz": npz.getvalue(),
        "jsonl": jsonl.encode(),
    }


@st.composite
def changed(draw: Any, content: bytes) -> bytes:
    """A file with a few bytes changed, cut, put in or doubled."""
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["bit", "byte", "cut", "insert", "double"]))
        if kind == "bit" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(
                st.one_of(st.binary(max_size=5), st.text(max_size=3).map(str.encode), st.sampled_from(SIGNS))
            )
        else:
            data += data[at:]
    return bytes(data)


@st.composite
def puzzle_file(draw: Any) -> Case:
    """A file of puzzles that is damaged, or anything."""
    kind = draw(st.sampled_from([*files(), "noise"]))
    content = draw(st.binary(max_size=60)) if kind == "noise" else draw(changed(files()[kind]))
    own = {"utf16": "txt", "noise": "txt"}.get(kind, kind)
    path = FOLDER / f"mine.{draw(st.one_of(st.just(own), st.sampled_from(SUFFIXES)))}"

    def call() -> None:
        path.write_bytes(content)
        for grid in read_puzzles(path, 4):
            check_solvable(grid)

    return Case(f"read_puzzles({path.name} with {content[:40]!r})", call, None, ("mine",))


DIMACS = "c five\np edge 5 6\ne 1 2\ne 2 3\ne 3 4\ne 4 5\ne 5 1\ne 1 3\n"
GRAPH6 = "DQc\nDqK\nD?C\n"


@st.composite
def graph_file(draw: Any) -> Case:
    """A file of graphs that is damaged: what is read is what is written in it."""
    suffix, text = draw(st.sampled_from([("col", DIMACS), ("g6", GRAPH6)]))
    content = draw(changed(text.encode()))

    def call() -> None:
        path = FOLDER / f"mine.{suffix}"
        path.write_bytes(content)
        graphs = colouring_problem(5, 3, puzzles=str(path)).source.instances  # type: ignore[attr-defined]
        read = (
            format_graphs(graphs)
            if suffix == "g6"
            else sorted(map(tuple, np.argwhere(np.triu(graphs[0].reshape(5, 5)))))
        )
        if read != written(path, suffix):
            raise WrongError(f"{read} was read")

    return Case(f"read_graphs({suffix} with {content[:80]!r})", call, None, ("mine",))


def written(path: Path, suffix: str) -> list[Any]:
    """Lines of graph6, or the edges of a DIMACS file, by their definitions."""
    lines = [line.strip().removeprefix(">>graph6<<") for line in path.read_text("utf-8-sig", "replace").splitlines()]
    if suffix == "g6":
        return [line for line in lines if line]
    edges = [line.split()[1:] for line in lines if line.startswith("e ")]
    return sorted({(min(int(u), int(v)) - 1, max(int(u), int(v)) - 1) for u, v in edges})


@cache
def rows() -> dict[str, tuple[bytes, list[Any], type[Any]]]:
    """Some published rows of every kind that has any, as lines with checksums: schema -> file, rows, class."""
    found = {}
    for kind in KINDS:
        some = [row for row in published(kind, PUBLISHED) if type(row) is kind][:3]
        if some:
            base = ResultRow if issubclass(kind, ResultRow) else kind
            found[kind.schema] = "".join(map(records.line_of, some)).encode(), some, base
    return found


@st.composite
def rows_file(draw: Any) -> Case:
    """A file of rows of any kind that is damaged."""
    whole_file, written, kind = rows()[draw(st.sampled_from(sorted(rows())))]
    content = draw(changed(whole_file))

    def call() -> None:
        path = FOLDER / "rows.jsonl"
        path.write_bytes(content)
        if any(row not in written for row in records.read(path, kind)):
            raise WrongError("another row was read than was written")

    return Case(f"records.read({kind.__name__}: {content[:40]!r})", call, None, ("rows.jsonl",))


@st.composite
def rows_by_hand(draw: Any) -> Case:
    """A row of any kind without a checksum, one of whose values is no JSON of its field."""
    _, written, kind = rows()[draw(st.sampled_from(sorted(rows())))]
    row = draw(st.sampled_from(written))
    field = draw(st.sampled_from(dataclasses.fields(row)))
    name, is_number = field.name, any(kind in str(field.type) for kind in ("int", "float"))
    wrong = [[], {}, "x", True, float("nan"), float("inf")] if is_number else [[], {}, 5, 0.5, float("nan")]
    value = draw(st.sampled_from(wrong))

    def call() -> None:
        path = FOLDER / "rows.jsonl"
        path.write_text(json.dumps({**dataclasses.asdict(row), name: value}) + "\n")
        records.read(path, kind)

    return Case(f"records.read({kind.__name__} with {name}={value!r})", call, False, ("rows.jsonl, line 1",))


@st.composite
def card(draw: Any) -> Case:
    """A card of an agent that is damaged."""
    whole_card = draw(st.sampled_from(sorted(AGENTS.glob("*.json"))))
    content = draw(changed(whole_card.read_bytes()))

    def call() -> None:
        path = FOLDER / whole_card.name
        path.write_bytes(content)
        if read_card(path) != read_card(whole_card):
            raise WrongError("another card was read than was written")

    return Case(f"read_card({content[:40]!r})", call, None, (whole_card.name,))


@st.composite
def entry(draw: Any) -> Case:
    """An entry of the scoreboard that is damaged."""
    whole_entry = draw(st.sampled_from(sorted(SCOREBOARD.glob("*.json"))))
    content = draw(changed(whole_entry.read_bytes()))

    def call() -> None:
        path = FOLDER / whole_entry.name
        path.write_bytes(content)
        if read_entry(path) != read_entry(whole_entry):
            raise WrongError("another entry was read than was written")

    return Case(f"read_entry({content[:40]!r})", call, None, (whole_entry.name,))


@cache
def home(agent: str) -> Any:
    """The environment that an agent's card names."""
    about = read_card(AGENTS / f"{agent}.json")
    return gym.make(f"trm_envs:{about.env_id}", **about.env_kwargs)


def weights(path: Path, agent: str) -> dict[str, torch.Tensor]:
    """Of a file that is or was the agent's."""
    found: dict[str, torch.Tensor] = loaded(path, home(agent), "cpu").policy.state_dict()
    return found


@cache
def whole_weights(agent: str) -> dict[str, torch.Tensor]:
    """Of the agent's file as it is."""
    return weights(AGENTS / f"{agent}.zip", agent)


@st.composite
def model_file(draw: Any) -> Case:
    """A model file of the zoo that is damaged."""
    agent = draw(st.sampled_from(FILES))
    content = draw(changed((AGENTS / f"{agent}.zip").read_bytes()))

    def call() -> None:
        path = FOLDER / f"{agent}.zip"
        path.write_bytes(content)
        found, written = weights(path, agent), whole_weights(agent)
        if found.keys() != written.keys() or not all(torch.equal(found[name], written[name]) for name in written):
            raise WrongError("other weights were read than were written")

    return Case(f"load({agent}, {len(content)} bytes)", call, None, (agent,))


@st.composite
def edited_model(draw: Any) -> Case:
    """A model file whose JSON was edited by hand: it loads, or is refused in words that name it."""
    agent = draw(st.sampled_from(FILES))
    with zipfile.ZipFile(AGENTS / f"{agent}.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edited = draw(st.sampled_from(["data", "states"]))
    value = json.loads(members[edited])
    *way, last = draw(st.sampled_from(places(value)))
    new = draw(st.sampled_from([None, 5, -1, "x", [], {}, 1e308, 10**30, {":class:": "os:system"}, {":array:": "x"}]))
    holder = value
    for key in way:
        holder = holder[key]
    holder[last] = new

    def call() -> None:
        path = FOLDER / f"{agent}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, json.dumps(value) if name == edited else content)
        weights(path, agent)

    return Case(f"load({agent} with {edited}{[*way, last]} = {new!r})", call, None, (agent,))


def places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to all parts of a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [way for key in keys for way in ((*before, key), *places(value[key], (*before, key)))]
