"""The page on own problems shows the example's code, and what it shows runs."""

from __future__ import annotations

import re
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from trm_envs.testing import check_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own_problem.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "examples" / "own_puzzle.py").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MORE = ("class Queens", "class RenamedLatin", "gym.register")
"""What a block of the page contains that is not in the example."""
OF_AN_AGENT = ("HindsightTRM", "model.predict", "Attempts")
"""What a block contains that needs a trained agent: the example runs it."""


def stripped(text: str) -> str:
    """Code without indentation and blank lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, Any]]:
    """What the blocks of the page define, run from top to bottom, without those that need an agent."""
    # A module, so that tasks can be pickled.
    page = sys.modules["own_problem_page"] = types.ModuleType("own_problem_page")
    page.__dict__.update({"np": np, "rng": np.random.default_rng(0)})
    imports = next(block for block in BLOCKS if block.startswith("from trm_envs"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for block in [imports, *(block for block in BLOCKS if block != imports)]:
            if not any(word in block for word in OF_AN_AGENT):
                exec(block, page.__dict__)
    yield page.__dict__
    del sys.modules["own_problem_page"], gym.registry["Latin-6x6-v0"]


def test_every_block_is_the_examples_or_said_not_to_be() -> None:
    other = [block for block in BLOCKS if stripped(block) not in stripped(EXAMPLE)]
    assert len(other) == len(MORE)
    for block, word in zip(other, MORE, strict=True):
        assert word in block


def test_the_page_shows_the_whole_example_but_its_arguments() -> None:
    shown = {line for block in BLOCKS for line in stripped(block).splitlines()}
    missing = [line for line in stripped(EXAMPLE).splitlines() if line not in shown]
    assert all(re.search(r"import|parser|__main__|\"\"\"", line) for line in missing), missing


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.splitlines()) <= 60
    assert f"{len(EXAMPLE.splitlines())} lines" in PAGE


def test_the_tasks_of_the_page_are_sound(names: dict[str, Any]) -> None:
    instances, squares = names["latin_squares"](4, 3, 6, np.random.default_rng(1))
    assert (instances == 0).sum(axis=1).tolist() == [6, 6, 6]
    for task in (names["Latin"](4), names["RenamedLatin"](4)):
        check_task(task, instances, squares)
    check_task(names["Queens"](4), np.zeros((1, 16), np.int8))


def test_the_registered_environment_plays(names: dict[str, Any]) -> None:
    env = names["env"]
    assert isinstance(env, gym.Env)
    observation, info = env.reset(seed=0)
    assert env.step(int(np.flatnonzero(info["action_mask"])[0]))[1] != 0 and len(env.render()) > 36
    assert (observation["instance"] == 0).sum() == 24
