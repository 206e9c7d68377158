"""Drawing a state in each render mode; the puzzle says how it looks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import PlanTask


def render(task: PlanTask, mode: str, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str | NDArray[np.uint8]:
    """One state as text (`ansi`) or as an RGB image of shape (height, width, 3) (`rgb_array`)."""
    return task.render_text(instance, plan) if mode == "ansi" else task.render_image(instance, plan)


def show(task: PlanTask, instance: NDArray[np.int8], plan: NDArray[np.int8], fps: float) -> None:
    """Draw one state in a window (`human`).

    Raises:
        DependencyNotInstalled: matplotlib, which opens the window, is missing.
    """
    try:
        # Imported here: only this render mode needs a window.
        import matplotlib.pyplot as plt
    except ImportError as error:
        from gymnasium.error import DependencyNotInstalled

        raise DependencyNotInstalled("render_mode='human' needs matplotlib: pip install matplotlib") from error
    figure: Any = plt.figure("Plan editing", figsize=(6, 6))
    figure.clear()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(task.render_image(instance, plan))
    plt.pause(1.0 / fps)
