"""Edits that need no simulator: they add to a flat plan, and bring it back into its bounds."""

from __future__ import annotations

from typing import Literal

import numpy as np

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
    first = np.rint((actions[:, -1] + 1.0) / 2.0 * (horizon - width)).astype(np.int64)
    columns = first[:, None] * n_controls + np.arange(width * n_controls)
    changes = np.zeros((len(actions), horizon * n_controls))
    np.put_along_axis(changes, columns, actions[:, :-1], axis=1)
    return changes
