"""Public entry points, each with a strategy of cases."""

from __future__ import annotations

import contextlib
import io
import sys
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from hypothesis import strategies as st

import trm_agents
import trm_envs
from benchmarks import cli
from trm_agents.commands import main as trm
from trm_envs.control.double_integrator import DoubleIntegratorPlanEditEnv
from trm_envs.control.powered_descent import PoweredDescentPlanEditEnv
from trm_envs.control.van_der_pol import VanDerPolPlanEditEnv
from trm_envs.maze.env import MazePlanEditEnv
from trm_envs.sudoku.env import SudokuPlanEditEnv

from .files import (
    FOLDER,
    PUZZLES,
    SOLVED,
    card,
    check_solvable,
    edited_model,
    entry,
    graph_file,
    model_file,
    puzzle_file,
    rows_by_hand,
    rows_file,
)
from .judging import Case, WrongError
from .keywords import ALGORITHMS, ENVIRONMENTS, LARGE, OPTIONS, SIZES, UNSURE, VERBS, WORDS
from .values import JUNK, real, shown, whole


@st.composite
def environment(draw: Any) -> Case:
    """A keyword of an environment that is anything, a reset and a step."""
    cls = draw(st.sampled_from(list(ENVIRONMENTS)))
    name = draw(st.sampled_from([*ENVIRONMENTS[cls], "mystery"]))
    value = draw(JUNK)
    valid = name != "mystery" and ENVIRONMENTS[cls][name](value)
    # Other sizes have other defaults: blanks that no pool has, pools that do not exist.
    if name == "size" and isinstance(value, (int, np.integer)) and value in (4, 5, 7, 9, 11, 16, 15, 31):
        valid = None
    if (name == "render_mode" and value == "human") or (name != "mystery" and is_index(value)):
        valid = None
    given = {"size": SIZES[cls]} if cls in SIZES else {}

    def call() -> None:
        env = cls(**{**given, name: value})
        observation = env.reset(seed=0)[0]
        after, reward = env.step(env.action_space.sample())[:2]
        check_inside(env, observation)
        check_inside(env, after)
        if not np.isfinite(reward):
            raise WrongError(f"the reward is {reward}")

    return Case(f"{cls.__name__}({name}={shown(value)})", call, valid, (name,))


def check_inside(env: Any, observation: Any) -> None:
    """Raise `WrongError` where an observation is none of its space."""
    if not env.observation_space.contains(observation):
        raise WrongError(f"{observation} is outside the observation space")


PLAYED = {
    "SudokuPlanEdit-4x4-v0": ("puzzle", 64),
    "SudokuPlace-4x4-v0": ("puzzle", 64),
    "MazeWalk-5x5-v0": ("puzzle", 4),
    "LightUpPlanEdit-7x7-v0": ("puzzle", 49),
    "GraphColouringPlanEdit-20-k3-v0": ("puzzle", 60),
    "Control-VanDerPol-v0": ("instance", None),
    "ControlPlanEdit-DoubleIntegrator-v0": ("instance", None),
}
"""Environments that are reset and stepped: what option names an instance, and how many actions there are."""


@cache
def played(env_id: str, many: bool) -> Any:
    gym.register_envs(trm_envs)
    if not many:
        return gym.make(env_id, disable_env_checker=True)
    way: Any = "vector_entry_point"
    return gym.make_vec(env_id, num_envs=2, vectorization_mode=way, autoreset_mode=AutoresetMode.SAME_STEP)


@st.composite
def reset(draw: Any) -> Case:
    """Seeds and options of a reset that are anything."""
    env_id, many = draw(st.sampled_from(list(PLAYED))), draw(st.booleans())
    env, own = played(env_id, many), PLAYED[env_id][0]
    what = draw(st.sampled_from(["seed", "options", "puzzle", "instance", "mystery"]))
    value = draw(st.one_of(JUNK, st.sampled_from([*PUZZLES, [int(c) for c in SOLVED.replace("1", "0")], PUZZLES])))
    if what == "seed":
        keywords: dict[str, Any] = {"seed": value}
        valid: bool | None = value is None or whole(0, 2**400)(value)
        valid = None if many or (isinstance(value, (np.integer, int)) and not isinstance(value, bool)) else valid
    elif what == "options":
        keywords, valid = {"options": value}, value is None or (isinstance(value, dict) and not value)
    else:
        keywords, valid = {"options": {what: value}}, None if what == own else False

    def call() -> None:
        observation, _ = env.reset(**keywords)
        check_inside(env, observation)
        if what == "puzzle" and value is not None and env_id.startswith("Sudoku"):
            for instance in observation["instance"].reshape(-1, 16):
                check_solvable(instance)

    words = ("seed", "Seed") if what == "seed" else ("option", what)
    return Case(f"{env_id}, {'vector ' * many}reset({what}={shown(value)})", call, valid, words)


@st.composite
def step(draw: Any) -> Case:
    """Actions that are anything."""
    env_id, many = draw(st.sampled_from(list(PLAYED))), draw(st.booleans())
    env, n = played(env_id, many), PLAYED[env_id][1]
    if n is None:
        value = draw(st.one_of(JUNK, arrays(env.action_space.shape)))
        valid = is_control(value, env.action_space.shape)
    elif many:
        value = draw(st.one_of(JUNK, st.lists(st.one_of(st.integers(-2, n), JUNK), min_size=2, max_size=2)))
        valid = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(whole(0, n - 1), value))
    else:
        value = draw(st.one_of(JUNK, st.integers(-2, n)))
        valid = whole(0, n - 1)(value)
    # Arrays of one number are one, and arrays of the right shape are actions.
    array = value if isinstance(value, np.ndarray) and n is not None else None
    if array is not None and array.dtype.kind in "iu" and array.shape == ((2,) if many else ()):
        valid = bool(((array >= 0) & (array < n)).all())

    def call() -> None:
        env.reset(seed=0)
        observation, reward = env.step(value)[:2]
        check_inside(env, observation)
        if not np.isfinite(reward).all():
            raise WrongError(f"the reward is {reward}")

    return Case(f"{env_id}, {'vector ' * many}step({shown(value)})", call, valid, ("action",))


@st.composite
def arrays(draw: Any, shape: tuple[int, ...]) -> Any:
    """Arrays of a shape, or nearly, of any type, some numbers of which are none."""
    kind = draw(st.sampled_from(["f4", "f8", "i8", "u1", "?", "c8", "U1", "O", "m8[s]"]))
    size = draw(st.sampled_from([shape, (1, *shape), shape[:-1], (*shape[:-1], shape[-1] + 1)]))
    array = np.zeros(size).astype(kind)
    if kind in ("f4", "f8", "O") and array.size:
        array.flat[0] = draw(st.sampled_from([0.5, 7.0, np.nan, np.inf, -np.inf, 1e30]))
    return draw(st.sampled_from([array, array.tolist()]))


def is_control(value: Any, shape: tuple[int, ...]) -> bool | None:
    """Whether it is a control; of objects these tests do not know."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return False
    if array.dtype.kind not in "iuf" or array.shape != shape:
        return None if array.dtype.kind == "O" else False
    return bool(np.isfinite(array).all())


@cache
def control() -> Any:
    return DoubleIntegratorPlanEditEnv()


@cache
def lesson(algorithm: str, policy: str) -> Any:
    """An environment that an algorithm learns in."""
    if policy == "MlpPolicy" or algorithm == "recursive":
        return gym.make("CartPole-v1")
    return control() if algorithm == "TRC" else played("SudokuPlanEdit-4x4-v0", False)


@st.composite
def algorithm(draw: Any) -> Case:
    """A keyword of an algorithm that is anything."""
    name, policy = draw(st.sampled_from(list(ALGORITHMS)))
    keyword = draw(st.sampled_from(list(ALGORITHMS[name, policy])))
    value, valid = tried(keyword, draw(JUNK), ALGORITHMS[name, policy][keyword])

    def call() -> None:
        cls: Any = getattr(trm_agents, name)
        with contextlib.redirect_stdout(io.StringIO()):
            cls(policy, lesson(name, policy), device="cpu", **{keyword: value})

    return Case(f"{name}({policy!r}, {keyword}={shown(value)})", call, valid, (keyword,))


@st.composite
def recursive_policy(draw: Any) -> Case:
    """A keyword of a recursive policy that is anything."""
    keyword = draw(st.sampled_from([*OPTIONS, "mystery"]))
    value, valid = tried(keyword, draw(JUNK), OPTIONS.get(keyword, lambda v: False))

    def call() -> None:
        env = lesson("recursive", "RecursivePolicy")
        trm_agents.REINFORCE("RecursivePolicy", env, device="cpu", policy_kwargs={keyword: value}).predict(np.zeros(4))

    return Case(f"RecursivePolicy({keyword}={shown(value)})", call, valid, (keyword,))


def is_index(value: Any) -> bool:
    """Whether it is an array that Python takes for a whole number; it may be taken or not."""
    return isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu"


def tried(keyword: str, value: Any, test: Any) -> tuple[Any, bool | None]:
    """The value that is tried, and whether it is to be accepted."""
    large = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 200
    if large and keyword in LARGE:
        return 200, None
    valid = test(value)
    unknown = (keyword in UNSURE and real(-1.79e308, 1.79e308)(value)) or large or is_index(value)
    return value, None if unknown else valid


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
    single = [cls(**({"size": SIZES[cls]} if cls in SIZES else {})) for cls in ENVIRONMENTS]
    generating = [SudokuPlanEditEnv(4, generate=True), MazePlanEditEnv(5, shortest=True, generate=True)]
    kinds = [DoubleIntegratorPlanEditEnv(edit="window"), PoweredDescentPlanEditEnv(edit="feedback", generate=True)]
    for env in (*single, *generating, *kinds, VanDerPolPlanEditEnv(generate=True, observe="gradient")):
        env.reset(seed=0)
        env.step(env.action_space.sample())
    for env_id in PLAYED:
        played(env_id, True).reset(seed=0)


ENTRY_POINTS: dict[str, st.SearchStrategy[Case]] = {
    "environment keywords": environment(),
    "reset": reset(),
    "step": step(),
    "algorithm keywords": algorithm(),
    "recursive policies": recursive_policy(),
    "puzzle files": puzzle_file(),
    "graph files": graph_file(),
    "rows files": rows_file(),
    "rows by hand": rows_by_hand(),
    "cards": card(),
    "scoreboard": entry(),
    "model files": model_file(),
    "edited models": edited_model(),
    "command lines": command(),
}
