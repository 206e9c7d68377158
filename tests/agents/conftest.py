"""What several tests of agents share."""

from __future__ import annotations

import gymnasium as gym
import pytest

from trm_agents import HindsightTRM, zoo


@pytest.fixture(name="model", scope="module")
def shipped() -> HindsightTRM:
    """A trained agent: good at passes as deep as in training, and at shallower ones only at times."""
    env = gym.make("trm_envs:SudokuPlanEdit-4x4-v0")
    return HindsightTRM.load(zoo.AGENTS / "upi-trm-sudoku-4x4.zip", env=env, device="cpu")
