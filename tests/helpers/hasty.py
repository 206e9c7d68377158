"""Contestants of `baselines` whose cells save a checkpoint at every opportunity, without reference lines.

On a node of a cluster, cells of HindsightTRM take their time: a node that is to die in the middle of one has to be
killed before the cell has ended.
"""

import os
import time

import baselines
from benchmarks.running import training
from trm_agents import HindsightTRM

__all__ = ["LINES", "METHODS", "SPACES"]

PAUSE_S = 0.002
"""For each environment step."""
_on_step = training.CellCallback._on_step


def _slowly(self: training.CellCallback) -> bool:
    if "BENCHMARKS_NODE" in os.environ and isinstance(self.model, HindsightTRM):
        time.sleep(PAUSE_S * self.training_env.num_envs)
    return _on_step(self)


training.CHECKPOINT_S = 0.0
training.CellCallback._on_step = _slowly
METHODS = baselines.METHODS
LINES: dict[str, baselines.Line] = {}
SPACES = baselines.SPACES
