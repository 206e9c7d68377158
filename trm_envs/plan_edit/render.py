"""Drawing a state in each render mode; the puzzle says how it looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import PlanTask


def render(task: PlanTask, mode: str, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str | NDArray[np.uint8]:
    """One state as text (`ansi`) or as an RGB image of shape (height, width, 3) (`rgb_array`)."""
    return task.render_text(instance, plan) if mode == "ansi" else task.render_image(instance, plan)
