"""Observations for networks that see a grid: float planes, and images.

The functions work on a batch, so that evaluators can use them too.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import Observation, states_of
from trm_envs.plan_edit.task import PlanTask
from trm_envs.wrappers.base import PlanEditObservation, PlanEditVectorObservation, batch_of_one

LEAST_PIXELS = 36
"""The shorter side of an image has at least so many: SB3's `NatureCNN` takes no less."""


def planes(observation: Observation, mdp: PlanEditMDP) -> NDArray[np.float32]:
    """A batch of B observations as planes in [0, 1], shape (B, C, rows, columns), float32.

    A plane for each value of the instance from 1 on, one for each value of the plan from 1 on, and one of edits left
    over `max_edits`: C = instance_high + plan_high + 1.
    """
    states, task = states_of(observation), _on_one_grid(mdp)
    found = np.empty((len(states.plans), task.instance_high + task.plan_high + 1, task.n_cells), np.float32)
    for value in range(1, task.instance_high + 1):
        found[:, value - 1] = states.instances == value
    for value in range(1, task.plan_high + 1):
        found[:, task.instance_high + value - 1] = states.plans == value
    found[:, -1] = (states.remaining_edits / mdp.max_edits)[:, None]
    return found.reshape(*found.shape[:2], *task.shape)


def image(observation: Observation, mdp: PlanEditMDP) -> NDArray[np.uint8]:
    """A batch of B observations as RGB images, shape (B, height, width, 3), uint8, each side at least 36 pixels.

    A cell is a square of one colour. Red tells the instance's value and green the plan's, 0 bright and the largest
    dark; blue tells edits left over `max_edits`.
    """
    states, task = states_of(observation), _on_one_grid(mdp)
    red = 255 - np.rint(255 * states.instances.astype(np.float64) / task.instance_high)
    green = 255 - np.rint(255 * states.plans.astype(np.float64) / task.plan_high)
    blue = np.broadcast_to(np.rint(255 * states.remaining_edits / mdp.max_edits)[:, None], green.shape)
    cells = np.stack([red, green, blue], axis=-1).astype(np.uint8).reshape(-1, *task.shape, 3)
    scale = pixels_of_cell(mdp)
    return cells.repeat(scale, axis=1).repeat(scale, axis=2)


def pixels_of_cell(mdp: PlanEditMDP) -> int:
    """The side of a cell's square."""
    return -(-LEAST_PIXELS // min(mdp.task.shape))


def _on_one_grid(mdp: PlanEditMDP) -> PlanTask:
    """The task; ValueError where its instances and plans are no grids of one shape."""
    task = mdp.task
    if task.instance_shape != task.shape:
        raise ValueError(
            f"instances of {type(task).__name__} have the shape {task.instance_shape} and plans {task.shape}: they are "
            "no planes of one grid; use OneHotObservation or FlatObservation"
        )
    return task


def _planes_space(mdp: PlanEditMDP) -> spaces.Space[Any]:
    task = _on_one_grid(mdp)
    return spaces.Box(0.0, 1.0, (task.instance_high + task.plan_high + 1, *task.shape), np.float32)


def _image_space(mdp: PlanEditMDP) -> spaces.Space[Any]:
    rows, columns = (side * pixels_of_cell(mdp) for side in _on_one_grid(mdp).shape)
    return spaces.Box(0, 255, (rows, columns, 3), np.uint8)


class PlanesObservation(PlanEditObservation):
    """Observations of a plan-editing environment as `planes`, shape (C, rows, columns), float32."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = _planes_space(self.mdp)

    def observation(self, observation: Observation) -> NDArray[np.float32]:
        """One Dict observation as planes."""
        return np.asarray(planes(batch_of_one(observation), self.mdp)[0])


class ImageObservation(PlanEditObservation):
    """Observations of a plan-editing environment as an `image`, shape (height, width, 3), uint8."""

    def __init__(self, env: gym.Env[Observation, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = _image_space(self.mdp)

    def observation(self, observation: Observation) -> NDArray[np.uint8]:
        """One Dict observation as an image."""
        return np.asarray(image(batch_of_one(observation), self.mdp)[0])


class PlanesVectorObservation(PlanEditVectorObservation):
    """Observations of a plan-editing vector environment as `planes`, shape (num_envs, C, rows, columns), float32."""

    def _single_space(self) -> spaces.Space[Any]:
        return _planes_space(self.mdp)

    def observations(self, observations: Observation) -> NDArray[np.float32]:
        """A batch of Dict observations as planes."""
        return planes(observations, self.mdp)


class ImageVectorObservation(PlanEditVectorObservation):
    """Observations of a plan-editing vector environment as `image`s, shape (num_envs, height, width, 3), uint8."""

    def _single_space(self) -> spaces.Space[Any]:
        return _image_space(self.mdp)

    def observations(self, observations: Observation) -> NDArray[np.uint8]:
        """A batch of Dict observations as images."""
        return image(observations, self.mdp)
