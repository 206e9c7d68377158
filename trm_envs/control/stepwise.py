"""The same systems controlled step by step, for agents that choose one control at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from trm_envs.continuous.env import checked_source
from trm_envs.continuous.spaces import LIMIT, read_actions, read_instance, scaled
from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels, phase_plane
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.episodes.env import EpisodeEnv
from trm_envs.episodes.rules import Outcome, Rules
from trm_envs.episodes.vector_env import EpisodeVectorEnv
from trm_envs.instances.sources import InstanceSource

COST_SCALE = 100.0
"""Costs of one step are divided by this, so that the rewards of an episode are of order one."""


class StepStates(NamedTuple):
    """A batch of states: where the systems are, and when."""

    instances: Numbers
    """x, shape (B, n)."""
    states: Numbers
    """Position and velocity now, shape (B, 2)."""
    controls: Numbers
    """What has been applied, shape (B, N); NaN from now on. Nothing depends on it."""
    costs: Numbers
    """The cost of the steps taken, and of the last state where it is the last, shape (B,). Nothing depends on it."""
    steps: NDArray[np.int64]
    """Steps taken, shape (B,)."""


class StepChecks(NamedTuple):
    """What is known of the present states. Every field has shape (B,)."""

    terminal_error: Numbers
    """Distance of the present state from the target, in tolerances."""
    success: NDArray[np.bool_]
    """Whether the episode has ended at the target."""


class StepRules(Rules[StepStates, StepChecks]):
    """What the environments know of controlling a system step by step.

    Args:
        task: the system; how its plans are edited does not matter.
    """

    def __init__(self, task: QuadraticTask) -> None:
        self.task = task
        limit = np.full(task.instance_size + 1, LIMIT, np.float32)
        limit[2:] = 1.0
        low = -limit
        low[-1] = 0.0
        self.observation_space: spaces.Space[Any] = spaces.Box(low, limit, dtype=np.float32)
        self.action_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def initial(self, instances: Numbers) -> StepStates:
        """First states of episodes on these instances."""
        batch = len(instances)
        nothing = np.full((batch, self.task.horizon), np.nan)
        return StepStates(instances, instances[:, :2].copy(), nothing, np.zeros(batch), np.zeros(batch, np.int64))

    def check(self, states: StepStates) -> StepChecks:
        """The distance from the target."""
        error = np.hypot(states.states[:, 0], states.states[:, 1]) / self.task.system.tolerance
        return StepChecks(error, (states.steps >= self.task.horizon) & (error <= 1.0))

    def transition(self, states: StepStates, actions: Numbers, checks: StepChecks) -> Outcome[StepStates, StepChecks]:
        """Hold one control for one step in each state."""
        system = self.task.system
        controls = system.u_max * actions[:, 0]
        after = kernels.steps(system.kind, system.time_step, states.instances, states.states, controls)
        applied = states.controls.copy()
        # A finished episode that is replaced at the next step is stepped once more, and nobody sees it.
        applied[np.arange(len(after)), np.minimum(states.steps, self.task.horizon - 1)] = controls
        steps = states.steps + 1
        terminated = steps >= self.task.horizon
        paid = self._stage(states.states, controls) + np.where(terminated, self._last(after), 0.0)
        successors = StepStates(states.instances, after, applied, states.costs + paid, steps)
        event = np.zeros(len(after), np.bool_)
        return Outcome(successors, self.check(successors), -paid / COST_SCALE, terminated, event)

    def _stage(self, states: Numbers, controls: Numbers) -> Numbers:
        weights = self.task.weights
        cost: Numbers = weights[0] * states[:, 0] ** 2 + weights[1] * states[:, 1] ** 2 + weights[2] * controls**2
        return cost

    def _last(self, states: Numbers) -> Numbers:
        cost: Numbers = self.task.weights[3] * states[:, 0] ** 2 + self.task.weights[4] * states[:, 1] ** 2
        return cost

    def solved(self, checks: StepChecks) -> NDArray[np.bool_]:
        """Whether the episodes have ended at the target."""
        return checks.success

    def observe(self, states: StepStates, checks: StepChecks) -> NDArray[np.float32]:
        """Scaled state, what varies of the system, and the share of steps left; shape (B, 3) or (B, 4), float32."""
        task = self.task
        here = np.clip(np.nan_to_num(states.states / task.state_scale, nan=LIMIT), -LIMIT, LIMIT)
        varies = scaled(states.instances, task.instance_low, task.instance_high)[:, 2:]
        left = np.maximum(1.0 - states.steps[:, None] / task.horizon, 0.0)
        return np.concatenate([here, varies, left], axis=1).astype(np.float32)

    def information(self, states: StepStates, checks: StepChecks, event: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Cost so far, distance from the target and success, in float64."""
        return {
            "cost": states.costs.copy(),
            "is_success": checks.success.copy(),
            "terminal_error": checks.terminal_error.copy(),
        }

    def read_actions(self, actions: Any, batch: int | None) -> Numbers:
        """Controls in u_max as float64 within [-1, 1], shape (B, 1)."""
        return read_actions(actions, batch, 1)

    def read_instance(self, options: dict[str, Any] | None) -> Numbers | None:
        """The instance of reset's options."""
        return read_instance(self.task, options)

    def render(self, states: StepStates, mode: str) -> Any:
        """The path so far, as text or picture."""
        task, system, taken = self.task, self.task.system, int(states.steps[0])
        checks = self.check(states)
        path = task.simulate(states.instances, np.nan_to_num(states.controls)).states[0, : taken + 1]
        portrait = phase_plane.Portrait(
            path,
            states.controls[0],
            system.u_max,
            system.tolerance,
            task.state_units,
            system.control_unit,
            float(states.costs[0]),
            bool(checks.success[0]),
        )
        return phase_plane.text(portrait) if mode == "ansi" else phase_plane.image(portrait)


class StepProblem(NamedTuple):
    """What an environment needs."""

    task: QuadraticTask
    source: InstanceSource[np.float64]


class ControlEnv(EpisodeEnv[StepStates, StepChecks]):
    """Steer a system to its target step by step.

    Args:
        task: the system.
        source: where instances come from, float64; told how episodes end.
        render_mode: `ansi`, `rgb_array`, `human` or None.
    """

    def __init__(self, task: QuadraticTask, source: InstanceSource[np.float64], render_mode: str | None = None) -> None:
        self.task = task
        super().__init__(StepRules(task), checked_source(source), render_mode)


class ControlVectorEnv(EpisodeVectorEnv[StepStates, StepChecks]):
    """A batch of `ControlEnv`s, equal to `SyncVectorEnv` over them bit for bit where the source is stateless.

    Args:
        num_envs: how many episodes B run at once.
        task: the system.
        source: where instances come from, float64; sub-environment i draws with a generator of its own.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: at the next step, in the same step, or never.
        max_episode_steps: steps after which an episode is truncated; None: never.
    """

    def __init__(
        self,
        num_envs: int,
        task: QuadraticTask,
        source: InstanceSource[np.float64],
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        self.task = task
        source = checked_source(source)
        super().__init__(num_envs, StepRules(task), source, render_mode, autoreset_mode, max_episode_steps)

    def single_env(self) -> ControlEnv:
        """A single environment with the same system and source."""
        return ControlEnv(self.task, self.source, self.render_mode)
