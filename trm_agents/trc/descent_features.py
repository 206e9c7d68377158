"""What the network reads of powered descent, and how its numbers become an edit of thrusts and flight time."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from gymnasium import spaces
from torch import Tensor

from trm_agents.trc.features import Features, Reader, Write, windowed
from trm_agents.trc.memory import length_of, trust_of
from trm_envs.control.descent import DescentTask
from trm_envs.control.lander import VEHICLE

RATE = 20.0
"""Change of a thrust, as an action has it, per unit of the observed gradient, where the gain that is learned is 1."""
TIME_RATE = 2.0
"""The same of the flight time."""
_STEEPEST = 5.0
"""Gradients in their root mean square are clipped to it."""
_LOG_GAIN = 4.0, 3.0
"""The logarithm of a learned gain is at least minus the first and at most the second."""


class Slopes(NamedTuple):
    """The observed gradient in the frame of the vehicle; 0 where a plan does not land."""

    thrusts: Tensor
    """Shape (B, N, 3)."""
    time: Tensor
    """Shape (B, 1)."""


class DescentReader(Reader):
    """Reads powered descent in a frame of the vehicle's own, and writes edits of kind `plan` or `window` in it.

    The system looks the same when it is turned about the vertical or mirrored. So everything is turned to start at y =
    0 with x >= 0, and mirrored to start with v_y >= 0, and what is written is turned back. Lengths are scaled by the
    first distance to the pad. An edit is a free change and a step along the observed gradient, which is 0 at an optimal
    plan: T_k += T_max / 2 tanh(s f_k - RATE G_k g_k), and likewise for the logarithm of the flight time. The network
    gives f_k and the logarithms of the gains G_k, which are diagonal, and s within (0, 1) for the whole. A refused edit
    halves s for good, and the length of the next edit.

    Args:
        task: the system.
        space: of the observations.
    """

    def __init__(self, task: DescentTask, space: spaces.Dict) -> None:
        self.task, self.horizon = task, task.horizon
        self.gradient = "gradient" in space.spaces
        self.low = torch.as_tensor(task.instance_low, dtype=torch.float32)
        self.high = torch.as_tensor(task.instance_high, dtype=torch.float32)
        self.time_mid = float(task.plan_low[-1] + task.plan_high[-1]) / 2.0
        self.time_half = float(task.plan_high[-1] - task.plan_low[-1]) / 2.0
        self.position, self.velocity = float(task.state_scale[0]), float(task.state_scale[3])
        self.step_features = 14 + 4 * self.gradient
        self.summary_features = 15 + 3 * self.gradient
        self.outputs = 3 + 3 * self.gradient
        self.whole = 2 + self.gradient

    def __call__(self, observation: dict[str, Tensor]) -> Features:
        """Features of B observations."""
        device = observation["plan"].device
        low, high = self.low.to(device), self.high.to(device)
        first = low + (observation["instance"] + 1.0) / 2.0 * (high - low)
        turn = turn_of(first)
        slopes = self._slopes(observation, turn) if self.gradient else None
        size = first[:, :3].norm(dim=1, keepdim=True) / self.position
        steps = self._steps(observation, turn, size, slopes)
        summary = self._summary(observation, first, turn, size, slopes)
        write: Write = partial(action_of, turn=turn, slopes=slopes)
        if self.task.kind == "window":
            write = partial(windowed, write=write, n_controls=self.task.n_controls)
        return Features(steps, summary, write)

    def _slopes(self, observation: dict[str, Tensor], turn: Tensor) -> Slopes:
        landed = (observation["violation"] <= 0.0).float()
        gradient = observation["gradient"] * landed
        return Slopes(turned(gradient[:, :-1].reshape(-1, self.horizon, 3), turn), gradient[:, -1:])

    def _steps(self, observation: dict[str, Tensor], turn: Tensor, size: Tensor, slopes: Slopes | None) -> Tensor:
        """Of each step: thrust, acceleration, gradient; position, velocity and room above the slope after it."""
        plan = turned(observation["plan"][:, :-1].reshape(-1, self.horizon, 3), turn)
        states = observation["states"].reshape(-1, self.horizon, 7)
        position, velocity = turned(states[..., :3], turn), turned(states[..., 3:6], turn)
        norm = plan.norm(dim=2, keepdim=True)
        lowest = VEHICLE.thrust_low / VEHICLE.thrust_high
        share = (norm - lowest) / (1.0 - lowest) * 2.0 - 1.0
        above = position[..., 2:] - VEHICLE.slope * position[..., :2].norm(dim=2, keepdim=True)
        long = size[:, :, None]
        path = [position / long, velocity, plan / states[..., 6:]]
        if slopes is None:
            return torch.cat([plan, share, *path, above / long], dim=2)
        gradient = slopes.thrusts / _scale(slopes)[:, :, None]
        along = (gradient * plan).sum(dim=2, keepdim=True) / norm
        return torch.cat([plan, share, gradient.clamp(-_STEEPEST, _STEEPEST), *path, along, above / long], dim=2)

    def _summary(
        self, observation: dict[str, Tensor], first: Tensor, turn: Tensor, size: Tensor, slopes: Slopes | None
    ) -> Tensor:
        """Of the whole: first state, flight time, cost, violation, and the size of the gradient."""
        distance, speed = first[:, :3].norm(dim=1, keepdim=True), first[:, 3:6].norm(dim=1, keepdim=True)
        position = turned(first[:, None, :3], turn)[:, 0, ::2] / self.position
        approach = (first[:, :3] * first[:, 3:6]).sum(dim=1, keepdim=True) / distance / self.velocity
        time = self.time_mid + self.time_half * observation["plan"][:, -1:]
        # A vehicle that is nearly at rest takes its time from gravity: hence the 20 m/s.
        usual = (distance / (speed + 20.0)).clamp_min(5.0)
        summary = [
            *(position, turned(first[:, None, 3:6], turn)[:, 0] / self.velocity, (first[:, 6:] - 1800.0) / 200.0),
            *(size.log(), position / size, speed / self.velocity, approach, time.log() - 3.5, (time / usual).log()),
            *(observation["cost"] - 5.0, observation["violation"] / 5.0),
        ]
        if slopes is not None:
            small = slopes.time.abs().clamp_min(1e-6).log() / 3.0
            summary += [_scale(slopes).log() / 3.0, (30.0 * slopes.time).clamp(-3.0, 3.0), small]
        return torch.cat(summary, dim=1)


def _scale(slopes: Slopes) -> Tensor:
    """Root mean square of the thrusts' gradient, shape (B, 1)."""
    return slopes.thrusts.square().mean(dim=(1, 2), keepdim=False)[:, None].sqrt() + 1e-6


def turn_of(first: Tensor) -> Tensor:
    """The horizontal rotation, mirrored or not, that takes first states, shape (B, 7), to y = 0 and v_y >= 0.

    Shape (B, 2, 2); its inverse is its transpose.
    """
    x, y, v_x, v_y = first[:, 0], first[:, 1], first[:, 3], first[:, 4]
    distance = first[:, :2].norm(dim=1).clamp_min(1e-3)
    cos, sin = x / distance, y / distance
    side = torch.where(cos * v_y - sin * v_x < 0.0, -1.0, 1.0)
    return torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin * side, cos * side], 1)], 1)


def turned(vectors: Tensor, turn: Tensor) -> Tensor:
    """Vectors, shape (B, K, 3), with their horizontal parts turned."""
    return torch.cat([vectors[..., :2] @ turn.transpose(1, 2), vectors[..., 2:]], dim=-1)


def action_of(outputs: Tensor, whole: Tensor, memory: Tensor, turn: Tensor, slopes: Slopes | None) -> Tensor:
    """The action that a network's outputs stand for, within [-1, 1], shape (B, 3 N + 1).

    Args:
        outputs: free changes f_k and logarithms of gains of each step, shape (B, N, 3 or 6).
        whole: free change of the flight time, what s is read from, and a logarithm of its gain, shape (B, 2 or 3).
        memory: of refused edits, shape (B, 3): free changes are trusted less, and all of it is shorter.
        turn: shape (B, 2, 2).
        slopes: the observed gradient, if any; then there are gains.
    """
    share = torch.sigmoid(3.0 * whole[:, 1:2]) * trust_of(memory)
    changes, time = outputs[..., :3].tanh() * share[:, :, None], whole[:, :1] * share
    if slopes is not None:
        changes = changes - RATE * slopes.thrusts * _gain(outputs[..., 3:])
        time = time - TIME_RATE * slopes.time * _gain(whole[:, 2:])
    back = turned(changes.tanh(), turn.transpose(1, 2))
    return torch.cat([back.flatten(1), time.tanh()], dim=1) * length_of(memory)


def _gain(outputs: Tensor) -> Tensor:
    return (2.0 * outputs).clamp(-_LOG_GAIN[0], _LOG_GAIN[1]).exp()
