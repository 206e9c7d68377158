"""`python -m benchmarks minigrid`: what is counted, rows that are made once, and what is refused (extra `minigrid`)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cli import main
from benchmarks.protocol import records
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.study_rows import MiniGridRow

pytest.importorskip("minigrid", reason="the extra `minigrid` is not installed")
from minigrid.core.constants import OBJECT_TO_IDX

from benchmarks.studies import minigrid as study

ROOMS = study.ENVS[0]


def test_the_small_cnn_has_about_as_many_weights_as_the_recursion() -> None:
    found = {name: study.measured(ROOMS, "partial", name, 0, 1, episodes=2).weights for name in study.POLICIES}
    assert found["cnn-small"] == pytest.approx(found["recursive"], rel=0.35) and found["cnn"] > 10 * found["recursive"]


class Told:
    """Plays as it is told, and remembers how many it was asked for and whether by the likeliest action."""

    def __init__(self, actions: list[int]) -> None:
        self.actions, self.asked = actions, []  # type: ignore[var-annotated]

    def predict(self, observations: Any, deterministic: bool) -> tuple[np.ndarray[Any, Any], None]:
        self.asked.append((len(observations), deterministic))
        return np.full(len(observations), self.actions[len(self.asked) % len(self.actions)]), None


def test_episodes_that_reach_the_goal_are_counted_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    turning = Told([0])
    assert study._solved(turning, ROOMS, "partial", 18, True) == 0  # type: ignore[arg-type]
    steps = study.seen(ROOMS, "partial").unwrapped.max_steps  # type: ignore[attr-defined]
    assert turning.asked == [(16, True)] * steps + [(2, True)] * steps
    # A goal before every agent: one step forward reaches it.
    from minigrid.core.world_object import Goal

    def facing_a_goal(env_id: str, view: str) -> Any:
        env = plain(env_id, view)
        reset = env.reset

        def placed(**keywords: Any) -> Any:
            seen = reset(**keywords)
            env.unwrapped.grid.set(*env.unwrapped.front_pos, Goal())
            return seen

        env.reset = placed  # type: ignore[method-assign]
        return env

    plain = study.seen
    monkeypatch.setattr(study, "seen", facing_a_goal)
    forward = Told([2])
    assert study._solved(forward, ROOMS, "full", 18, False) == 18  # type: ignore[arg-type]
    assert forward.asked == [(16, False), (2, False)]


def test_a_view_is_of_the_cells_before_the_agent_or_of_all() -> None:
    assert study.seen(ROOMS, "partial").observation_space.shape == (7, 7, 3)
    env = study.seen(ROOMS, "full")
    grid, _ = env.reset(seed=study.HELD_OUT)
    assert grid.shape == (25, 25, 3)
    x, y = env.unwrapped.agent_pos  # type: ignore[attr-defined]
    assert [tuple(cell) for cell in np.argwhere(grid[:, :, 0] == OBJECT_TO_IDX["agent"])] == [(x, y)]


def test_rows_are_made_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "EPISODES", 4)
    words = ["minigrid", "--out", str(tmp_path / "rows.jsonl"), "--envs", ROOMS, "--policies", "cnn-small"]
    words += ["--seeds", "0", "--steps", "100"]
    assert main(words) == 0
    (row,) = records.read(tmp_path / "rows.jsonl", MiniGridRow)
    assert row.key == (ROOMS, "partial", "cnn-small", 0, 100) and row.n == 4 and problem_of(row) is None
    assert main(words) == 0 and "cnn-small" in capsys.readouterr().out
    assert records.read(tmp_path / "rows.jsonl", MiniGridRow) == [row]
    assert problem_of(dataclasses.replace(row, solved=5)) is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--policies", "lstm"], "unknown policy 'lstm'"),
        (["--views", "above"], "unknown view 'above'; known views: partial, full"),
        (["--envs", "CartPole-v1"], "'CartPole-v1' is no environment"),
    ],
)
def test_unknown_names_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["minigrid", "--out", str(tmp_path / "rows.jsonl"), *words]) == 2
    assert said in capsys.readouterr().err
