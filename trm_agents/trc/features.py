"""What the network reads of an observation, and how its numbers become an action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from gymnasium import spaces
from torch import Tensor

from trm_agents.trc.following import Plan
from trm_agents.trc.memory import length_of, trust_of
from trm_envs.continuous.edits import WINDOW
from trm_envs.continuous.spaces import LIMIT
from trm_envs.control.quadratic import QuadraticTask

SMALLEST = 0.02
"""Problems whose first state is smaller than this share of the largest one are not scaled up further."""

OUTPUTS = {"plan": (1,), "feedback": (1, 2, 1), "window": (1,)}
"""Kind of edit -> how many numbers each part of an action has for a time step; parts follow each other."""


Write = Callable[[Tensor, Tensor, Tensor], Tensor]


class Features(NamedTuple):
    """What the network reads of B observations."""

    steps: Tensor
    """Of each time step, shape (B, N, f)."""
    summary: Tensor
    """Of the whole, shape (B, g)."""
    write: Write
    """The actions within [-1, 1], shape (B, action_size), that a network's outputs stand for: those of each time step,
    shape (B, N, outputs), those of the whole, shape (B, whole), and what is remembered of refused edits, (B, 3)."""


class Reader(ABC):
    """Reads the observations of a system, and writes its actions."""

    horizon: int
    """Time steps N of a plan."""
    step_features: int
    summary_features: int
    outputs: int
    """Numbers that the network gives for each time step."""
    whole: int = 0
    """Numbers that it gives for the whole plan."""

    @abstractmethod
    def __call__(self, observation: dict[str, Tensor]) -> Features:
        """Features of B observations."""


class QuadraticReader(Reader):
    """Reads observations of a quadratic system, scaled by the size of the problem: so are the controls that it takes.

    Size is the largest entry of the first state, as a share of the largest that an instance may have. Of each time step
    are read the control, alone and scaled, and the scaled states before and after it; of the whole the first and the
    last state, the size, the log cost, and constants of the system that vary between instances. Where the gradient of
    the log cost is observed, it is read too, divided by its root mean square, and edits of kind `feedback` follow it
    (`followed`).

    Args:
        task: the system.
        space: of the observations.

    Raises:
        ValueError: edits are to follow the gradient, and a part of the instance is hidden.
    """

    def __init__(self, task: QuadraticTask, space: spaces.Dict) -> None:
        self.task, self.horizon, self.n_states = task, task.horizon, task.n_states
        self.gradient = "gradient" in space.spaces
        self.follows = self.gradient and task.kind == "feedback"
        if self.follows and task.hidden:
            raise ValueError("no edit can follow the gradient of a system that is hidden: use observe='error'")
        self.parts = OUTPUTS[task.kind]
        self.outputs = sum(self.parts) + self.follows
        n = task.n_states
        # Observed instances are scaled by their bounds, observed states by their usual size.
        self.first_scale = torch.as_tensor(task.instance_high[:n] / task.state_scale, dtype=torch.float32)
        self.step_features = 2 + 2 * n + self.gradient
        self.summary_features = 3 + 2 * n + (task.instance_size - n) + self.gradient

    def __call__(self, observation: dict[str, Tensor]) -> Features:
        """Features of B observations."""
        first = observation["instance"][:, : self.n_states]
        size = first.abs().amax(dim=1, keepdim=True).clamp_min(SMALLEST)
        plan = observation["plan"][:, :, None]
        after = observation["states"].reshape(len(plan), self.horizon, self.n_states)
        path = torch.cat([(first * self.first_scale.to(first.device))[:, None], after], dim=1)
        path = (path / size[:, :, None]).clamp(-LIMIT, LIMIT)
        steps = [plan, plan / size[:, :, None], path[:, :-1], path[:, 1:]]
        summary = [first / size, size.log(), size, path[:, -1], observation["cost"] / 3.0]
        summary.append(observation["instance"][:, self.n_states :])
        if self.gradient:
            gradient = observation["gradient"]
            scale = gradient.square().mean(dim=1, keepdim=True).sqrt() + 1e-6
            steps.append((gradient / scale)[:, :, None])
            summary.append(scale.log() / 3.0)
        write: Write = partial(action_of, size=size, parts=self.parts)
        if self.task.kind == "window":
            write = partial(windowed, write=write, n_controls=self.task.n_controls)
        if self.follows:
            write = partial(followed, size=size, parts=self.parts, plan=Plan.of(self.task, observation))
        return Features(torch.cat(steps, dim=2), torch.cat(summary, dim=1), write)


def action_of(outputs: Tensor, whole: Tensor, memory: Tensor, size: Tensor, parts: tuple[int, ...]) -> Tensor:
    """The action that a network's outputs stand for, within [-1, 1], shape (B, action_size).

    a = tanh(outputs), part by part; the first part, changes of the controls, is multiplied by the size of the problem,
    and all of it by the length that refusals have left.

    Args:
        outputs: numbers of each time step, shape (B, N, sum(parts)).
        whole: nothing, shape (B, 0).
        memory: of refused edits, shape (B, 3).
        size: shape (B, 1).
        parts: numbers a time step of each part of the action.
    """
    changes, *rest = (part.flatten(1) for part in torch.split(torch.tanh(outputs), list(parts), dim=2))
    return torch.cat([changes * size, *rest, whole], dim=1) * length_of(memory)


def windowed(outputs: Tensor, whole: Tensor, memory: Tensor, write: Write, n_controls: int) -> Tensor:
    """A `window` action within [-1, 1]: of the changes that `write` gives, the ten steps where they are largest.

    Largest is their sum of squares. A place has no derivative, so it is not learned. Changes are learned where they are
    played, and become small where the network cannot make the plan better: other steps then have their turn.

    Args:
        outputs: as in `write`, as the next two.
        whole: see `outputs`.
        memory: see `outputs`.
        write: gives the changes of all steps, shape (B, N * n_controls), and what else an action has.
        n_controls: controls of a step.
    """
    action = write(outputs, whole, memory)
    size = outputs.shape[1] * n_controls
    changes, rest = action[:, :size], action[:, size:]
    sums = changes.square().unfold(1, WINDOW * n_controls, n_controls).sum(dim=2)
    first = sums.argmax(dim=1, keepdim=True)
    columns = first * n_controls + torch.arange(WINDOW * n_controls, device=first.device)
    place = 2.0 * first / max(sums.shape[1] - 1, 1) - 1.0
    return torch.cat([changes.gather(1, columns), place.to(changes.dtype), rest], dim=1)


def followed(
    outputs: Tensor, whole: Tensor, memory: Tensor, size: Tensor, parts: tuple[int, ...], plan: Plan
) -> Tensor:
    """The action where the gradient is observed, within [-1, 1], shape (B, action_size).

    The changes are s f - G q: free ones, and steps along the gradient q of the cost through the edit's own feedback.
    Gates are s times theirs, and gains are 0 where a control is at its bound. Each refusal has halved s, and what is
    left where s is 0 leads down, however short it is, until the plan is optimal. Changes and gates are as short as
    refusals say; gains need not be.

    Args:
        outputs: as in `action_of`, then halves of the logarithms of G, shape (B, N, sum(parts) + 1).
        whole: as in `action_of`.
        memory: as in `action_of`.
        size: as in `action_of`.
        parts: as in `action_of`.
        plan: what is edited.
    """
    trust, length = trust_of(memory), length_of(memory)
    changes, gains, gates = torch.split(torch.tanh(outputs[..., :-1]), list(parts), dim=2)
    inside = torch.as_tensor(plan.inside, dtype=outputs.dtype, device=outputs.device)[:, :, None]
    gains = gains * inside
    free = changes[..., 0] * size * trust
    changes = (free + plan.step(gains, outputs[..., -1])).clamp(-1.0, 1.0) * length
    return torch.cat([changes, gains.flatten(1), (1.0 + gates[..., 0]) * trust * length - 1.0, whole], dim=1)
