"""A run that was stopped anywhere, saved and loaded ends where an uninterrupted one does, to the bit."""

import numpy as np
import pytest
from agent_helpers import agent, assert_same_weights, sudoku, weights
from stable_baselines3.common.callbacks import BaseCallback

RESUMED = [
    *("default", "exact", "safe", "readout"),
    *("hindsight", "hindsight-search", "hindsight-carried", "hindsight-cells"),
]


class SaveAt(BaseCallback):
    def __init__(self, steps, path):
        super().__init__()
        self.steps, self.path = steps, path

    def _on_step(self):
        if self.num_timesteps == self.steps:
            self.model.save(self.path)
        return self.num_timesteps < self.steps


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("stop_at", [64, 100])
def test_killed_and_resumed_run_equals_an_uninterrupted_one(name, stop_at, tmp_path):
    """Stopped at the end of a rollout (64) and in the middle of one (100), with episodes under way."""
    whole = agent(name).learn(160)
    agent(name).learn(160, callback=SaveAt(stop_at, tmp_path / "killed.zip"))
    resumed = type(whole).load(tmp_path / "killed.zip", env=sudoku(seed=77), device="cpu", force_reset=False)
    assert resumed.num_timesteps == stop_at
    resumed.learn(160 - stop_at, reset_num_timesteps=False)
    assert_same_weights(weights(whole), weights(resumed))
    assert whole.model_queries == resumed.model_queries
    assert whole.gradient_steps_done == resumed.gradient_steps_done
    assert whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    if name.startswith("hindsight"):
        assert whole.memory.size == resumed.memory.size and whole.memory.next == resumed.memory.next
        assert np.array_equal(whole.memory._kept, resumed.memory._kept)


@pytest.mark.parametrize("name", ["default", "hindsight"])
def test_saving_what_was_just_loaded_loses_nothing(name, tmp_path):
    model = agent(name).learn(64)
    model.save(tmp_path / "first.zip")
    results = []
    for file in ("first.zip", "second.zip"):
        loaded = type(model).load(tmp_path / file, env=sudoku(seed=9), device="cpu", force_reset=False)
        loaded.save(tmp_path / "second.zip")
        results.append(weights(loaded.learn(64, reset_num_timesteps=False)))
    assert_same_weights(*results)
