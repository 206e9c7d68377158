"""Edits that need no simulator: they add to a flat plan, and bring it back into its bounds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.task import Numbers

EditKind = Literal["plan", "feedback", "window"]
"""How an action changes a plan: all of it, all of it with feedback that the simulator plays, or a few steps of it."""

WINDOW = 10
"""Steps that a `window` edit changes."""


def add(plans: Numbers, changes: Numbers, low: Numbers, high: Numbers) -> Numbers:
    """`plans + changes`, clipped to the bounds, shape (B, plan_size)."""
    return np.clip(plans + changes, low, high)


def window_changes(actions: Numbers, horizon: int, n_controls: int, width: int) -> Numbers:
    """What a window edit adds to the controls of each step, shape (B, horizon * n_controls).

    Args:
        actions: `width * n_controls` changes and the place of the window, -1 at the first step and 1 where it ends
            with the last; shape (B, width * n_controls + 1).
        horizon: steps N of a plan, at least `width`.
        n_controls: controls of a step.
        width: steps of the window.
    """
    changes = np.zeros((len(actions), horizon * n_controls))
    columns = window_columns(actions[:, -1], horizon, n_controls, width)
    np.put_along_axis(changes, columns, actions[:, :-1], axis=1)
    return changes


def window_columns(places: Numbers, horizon: int, n_controls: int, width: int) -> NDArray[np.int64]:
    """Which controls of a flat plan a window covers, shape (B, width * n_controls).

    Args:
        places: of the windows, as an action has them, shape (B,).
        horizon: as in `window_changes`, as the next two.
        n_controls: see `horizon`.
        width: see `horizon`.
    """
    first = np.rint((places + 1.0) / 2.0 * (horizon - width)).astype(np.int64)
    columns: NDArray[np.int64] = first[:, None] * n_controls + np.arange(width * n_controls)
    return columns
