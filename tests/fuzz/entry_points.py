"""Public entry points, each with a strategy of cases."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from hypothesis import strategies as st
from row_helpers import speed_row

import trm_agents
import trm_envs
from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.rows import SpeedRow
from trm_agents.commands import main as trm
from trm_agents.zoo.cards import read_card
from trm_envs.control.double_integrator import DoubleIntegratorPlanEditEnv
from trm_envs.maze.env import MazePlanEditEnv
from trm_envs.sudoku.env import SudokuPlanEditEnv
from trm_envs.sudoku.text import read_puzzles

from .judging import Case, WrongError
from .keywords import ALGORITHMS, ENVIRONMENTS, UNSURE, VERBS, WORDS
from .values import JUNK, real, shown, whole

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
SOLVED = "1234341221434321"
PUZZLES = [f"{'.' * blanks}{SOLVED[blanks:]}" for blanks in (1, 4, 6)]
ACTIONS = 64
GIVEN = {SudokuPlanEditEnv: {"size": 4}, MazePlanEditEnv: {"size": 5}, DoubleIntegratorPlanEditEnv: {}}


@st.composite
def environment(draw: Any) -> Case:
    """A keyword of an environment that is anything, a reset and a step."""
    cls = draw(st.sampled_from(list(ENVIRONMENTS)))
    name = draw(st.sampled_from([*ENVIRONMENTS[cls], "mystery"]))
    value = draw(JUNK)
    valid = name != "mystery" and ENVIRONMENTS[cls][name](value)
    # Other sizes have other defaults: blanks that no pool has, pools that do not exist.
    if name == "size" and isinstance(value, (int, np.integer)) and value in (4, 5, 9, 16, 15, 31):
        valid = None
    if name == "render_mode" and value == "human":
        valid = None

    def call() -> None:
        env = cls(**{**GIVEN[cls], name: value})
        env.reset(seed=0)
        env.step(env.action_space.sample())

    return Case(f"{cls.__name__}({name}={shown(value)})", call, valid, (name,))


@cache
def sudoku() -> Any:
    return SudokuPlanEditEnv(4)


@cache
def sudokus() -> Any:
    gym.register_envs(trm_envs)
    return gym.make_vec(
        "SudokuPlanEdit-4x4-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


@st.composite
def reset(draw: Any) -> Case:
    """Seeds and options of a reset that are anything."""
    many = draw(st.booleans())
    env = sudokus() if many else sudoku()
    what = draw(st.sampled_from(["seed", "options", "puzzle", "instance", "mystery"]))
    value = draw(st.one_of(JUNK, st.sampled_from([*PUZZLES, [int(c) for c in SOLVED.replace("1", "0")], PUZZLES])))
    if what == "seed":
        keywords: dict[str, Any] = {"seed": value}
        valid: bool | None = value is None or whole(0, 2**400)(value)
        valid = None if many or isinstance(value, (np.integer, int)) else valid
    elif what == "options":
        keywords, valid = {"options": value}, value is None or (isinstance(value, dict) and not value)
    else:
        keywords, valid = {"options": {what: value}}, None if what == "puzzle" else False

    def call() -> None:
        observation, _ = env.reset(**keywords)
        if what == "puzzle" and value is not None:
            for instance in observation["instance"].reshape(-1, 16):
                check_solvable(instance)

    words = ("seed", "Seed") if what == "seed" else ("option", what)
    return Case(f"{'vector ' * many}reset({what}={shown(value)})", call, valid, words)


@st.composite
def step(draw: Any) -> Case:
    """Actions that are anything."""
    many = draw(st.booleans())
    one = whole(0, ACTIONS - 1)
    if many:
        value = draw(st.one_of(JUNK, st.lists(st.one_of(st.integers(-2, ACTIONS), JUNK), min_size=2, max_size=2)))
        valid = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(one, value))
    else:
        value = draw(st.one_of(JUNK, st.integers(-2, ACTIONS)))
        valid = one(value)
    # Arrays of one number are one, and arrays of the right shape are actions.
    array = value if isinstance(value, np.ndarray) else None
    if array is not None and array.dtype.kind in "iu" and array.shape == ((2,) if many else ()):
        valid = True

    def call() -> None:
        env = sudokus() if many else sudoku()
        env.reset(seed=0)
        env.step(value)

    return Case(f"{'vector ' * many}step({shown(value)})", call, valid, ("action",))


@st.composite
def algorithm(draw: Any) -> Case:
    """A keyword of an algorithm that is anything."""
    name = draw(st.sampled_from(list(ALGORITHMS)))
    keyword = draw(st.sampled_from(list(ALGORITHMS[name])))
    value = draw(JUNK)
    valid: bool | None = ALGORITHMS[name][keyword](value)
    large = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 200
    if (keyword in UNSURE and real(-1.79e308, 1.79e308)(value)) or large:
        valid = None
    if large and keyword in ("n_steps", "buffer_size", "unroll", "batch_size", "pairs"):
        value, valid = 200, None

    def call() -> None:
        cls: Any = getattr(trm_agents, name)
        policy = {"UPITRM": "TRMPolicy", "HindsightTRM": "TokenPolicy", "TRC": "TRCPolicy"}[name]
        with contextlib.redirect_stdout(io.StringIO()):
            cls(policy, control() if name == "TRC" else sudoku(), device="cpu", **{keyword: value})

    return Case(f"{name}({keyword}={shown(value)})", call, valid, (keyword,))


@cache
def control() -> Any:
    return DoubleIntegratorPlanEditEnv()


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


@cache
def rows() -> bytes:
    return "".join(records.line_of(speed_row()) for _ in range(3)).encode()


@st.composite
def rows_file(draw: Any) -> Case:
    """A file of rows that is damaged."""
    content = draw(changed(rows()))

    def call() -> None:
        path = FOLDER / "rows.jsonl"
        path.write_bytes(content)
        if any(row != speed_row() for row in records.read(path, SpeedRow)):
            raise WrongError("another row was read than was written")

    return Case(f"records.read({content[:40]!r})", call, None, ("rows.jsonl",))


@st.composite
def card(draw: Any) -> Case:
    """A card of an agent that is damaged."""
    whole_card = sorted((Path(trm_envs.__file__).parents[1] / "trm_agents" / "zoo" / "agents").glob("*.json"))[0]
    content = draw(changed(whole_card.read_bytes()))

    def call() -> None:
        path = FOLDER / whole_card.name
        path.write_bytes(content)
        if read_card(path) != read_card(whole_card):
            raise WrongError("another card was read than was written")

    return Case(f"read_card({content[:40]!r})", call, None, (whole_card.name,))


@st.composite
def command(draw: Any) -> Case:
    """A command line of words that do or do not belong there."""
    program = draw(st.sampled_from(sorted(VERBS)))
    verb = draw(st.sampled_from(VERBS[program]))
    words = [verb, *draw(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=5))]

    def call() -> None:
        code, said = _ran(program, words)
        if code not in (0, 1, 2):
            raise AssertionError(f"exit code {code}: {said}")
        if code == 2:
            raise ValueError(said)

    return Case(f"{program} {words}", call, None, ("error: ",))


def _ran(program: str, words: list[str]) -> tuple[Any, str]:
    """Exit code and what was said as an error."""
    main = trm.main if program == "trm" else cli.main
    out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO("")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(FOLDER):
            return main(words), err.getvalue()
    except SystemExit as error:
        return error.code or 0, err.getvalue()
    finally:
        sys.stdin = stdin


@cache
def warm_up() -> None:
    """Compile the kernels, so that no case waits for it."""
    for env in (
        sudoku(),
        SudokuPlanEditEnv(4, generate=True),
        MazePlanEditEnv(5),
        MazePlanEditEnv(5, shortest=True, generate=True),
        control(),
    ):
        env.reset(seed=0)
        env.step(env.action_space.sample())
    sudokus().reset(seed=0)
    read_puzzles(PUZZLES, 4)


ENTRY_POINTS: dict[str, st.SearchStrategy[Case]] = {
    "environment keywords": environment(),
    "reset": reset(),
    "step": step(),
    "algorithm keywords": algorithm(),
    "puzzle files": puzzle_file(),
    "rows files": rows_file(),
    "cards": card(),
    "command lines": command(),
}
