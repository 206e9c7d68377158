"""Systems controlled step by step, for agents that choose one control at a time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from trm_envs.continuous.env import checked_source
from trm_envs.continuous.spaces import LIMIT, read_actions, read_instance
from trm_envs.continuous.task import ControlTask, Numbers
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
    """The system's state now, shape (B, n_states)."""
    plans: Numbers
    """What has been applied, as a plan of the task, shape (B, plan_size); NaN from now on."""
    costs: Numbers
    """The cost of the steps taken, and of the last state where it is the last, shape (B,). Nothing depends on it."""
    violations: Numbers
    """By how much the worst constraint is exceeded so far, in tolerances, shape (B,)."""
    steps: NDArray[np.int64]
    """Steps taken, shape (B,)."""


class StepChecks(NamedTuple):
    """What is known of the present states. Every field has shape (B,)."""

    terminal_error: Numbers
    """Distance of the present state from the target, in tolerances."""
    success: NDArray[np.bool_]
    """Whether the episode has ended at the target, and every constraint held."""


class Advance(NamedTuple):
    """What one step from each state of a batch leads to."""

    states: Numbers
    """Shape (B, n_states)."""
    plans: Numbers
    """What has been applied, shape (B, plan_size)."""
    costs: Numbers
    """Of the step, and of the last state after the last step, shape (B,)."""
    violations: Numbers
    """As in `StepStates`, with those of the last state after the last step, shape (B,)."""


class StepRules(Rules[StepStates, StepChecks]):
    """What the environments know of controlling a system step by step.

    The rewards of an episode sum to -J / 100 - log(1 + violation): what exceeds a constraint is paid for when it does.

    Args:
        task: the system; how its plans are edited does not matter.
        n_actions: numbers of an action.
        extra_low: bounds of what is observed beside the state and the steps left, shape (E,).
        extra_high: shape (E,).
    """

    def __init__(self, task: ControlTask, n_actions: int, extra_low: Numbers, extra_high: Numbers) -> None:
        self.task = task
        limit = np.full(task.n_states, LIMIT)
        low, high = np.concatenate([-limit, extra_low, [0.0]]), np.concatenate([limit, extra_high, [1.0]])
        self.observation_space: spaces.Space[Any] = spaces.Box(
            low.astype(np.float32), high.astype(np.float32), dtype=np.float32
        )
        self.action_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (n_actions,), np.float32)

    @abstractmethod
    def first(self, instances: Numbers) -> Numbers:
        """The states that instances begin in, shape (B, n_states), an array of its own."""

    @abstractmethod
    def error(self, states: Numbers) -> Numbers:
        """Distance of states from the target, in tolerances, shape (B,)."""

    @abstractmethod
    def advance(self, states: StepStates, actions: Numbers, last: NDArray[np.bool_]) -> Advance:
        """Hold one control for one step in each state.

        Args:
            states: B states. A finished episode that is replaced at the next step is stepped once more, unseen.
            actions: shape (B, n_actions), within [-1, 1].
            last: which steps end their episode, shape (B,).
        """

    @abstractmethod
    def extras(self, states: StepStates) -> Numbers:
        """What is observed beside the state and the steps left, within its bounds, shape (B, E)."""

    @abstractmethod
    def draw(self, states: StepStates, path: Numbers, success: bool, mode: str) -> Any:
        """The path so far, shape (steps + 1, n_states), of a batch of one, as text or picture."""

    def initial(self, instances: Numbers) -> StepStates:
        """First states of episodes on these instances."""
        batch = len(instances)
        nothing = np.full((batch, self.task.plan_size), np.nan)
        zeros = np.zeros(batch)
        return StepStates(instances, self.first(instances), nothing, zeros, zeros.copy(), np.zeros(batch, np.int64))

    def check(self, states: StepStates) -> StepChecks:
        """The distance from the target, and success at the end."""
        error = self.error(states.states)
        done = (states.steps >= self.task.horizon) & (states.violations == 0.0)
        return StepChecks(error, done & (error <= 1.0))

    def transition(self, states: StepStates, actions: Numbers, checks: StepChecks) -> Outcome[StepStates, StepChecks]:
        """Hold one control for one step in each state."""
        steps = states.steps + 1
        terminated = steps >= self.task.horizon
        after = self.advance(states, actions, terminated)
        successors = StepStates(
            states.instances, after.states, after.plans, states.costs + after.costs, after.violations, steps
        )
        exceeded = np.log1p(after.violations) - np.log1p(states.violations)
        event = np.zeros(len(steps), np.bool_)
        return Outcome(successors, self.check(successors), -after.costs / COST_SCALE - exceeded, terminated, event)

    def solved(self, checks: StepChecks) -> NDArray[np.bool_]:
        """Whether the episodes have ended at the target."""
        return checks.success

    def observe(self, states: StepStates, checks: StepChecks) -> NDArray[np.float32]:
        """Scaled state, what else the system shows, and the share of steps left, float32."""
        here = np.clip(np.nan_to_num(states.states / self.task.state_scale, nan=LIMIT), -LIMIT, LIMIT)
        left = np.maximum(1.0 - states.steps[:, None] / self.task.horizon, 0.0)
        return np.concatenate([here, self.extras(states), left], axis=1).astype(np.float32)

    def information(self, states: StepStates, checks: StepChecks, event: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Cost and violation so far, distance from the target and success, in float64."""
        return {
            "cost": states.costs.copy(),
            "is_success": checks.success.copy(),
            "violation": states.violations.copy(),
            "terminal_error": checks.terminal_error.copy(),
        }

    def read_actions(self, actions: Any, batch: int | None) -> Numbers:
        """Actions as float64 within [-1, 1], shape (B, n_actions)."""
        assert self.action_space.shape is not None
        return read_actions(actions, batch, self.action_space.shape[0])

    def read_instance(self, options: dict[str, Any] | None) -> Numbers | None:
        """The instance of reset's options."""
        return read_instance(self.task, options)

    def render(self, states: StepStates, mode: str) -> Any:
        """The path so far, as text or picture."""
        taken = int(states.steps[0])
        path = self.task.simulate(states.instances, np.nan_to_num(states.plans)).states[0, : taken + 1]
        return self.draw(states, path, bool(self.check(states).success[0]), mode)


class StepProblem(NamedTuple):
    """What an environment needs."""

    rules: StepRules
    source: InstanceSource[np.float64]


class ControlEnv(EpisodeEnv[StepStates, StepChecks]):
    """Steer a system to its target step by step.

    Args:
        rules: the system, played step by step.
        source: where instances come from, float64; told how episodes end.
        render_mode: `ansi`, `rgb_array`, `human` or None.
    """

    def __init__(self, rules: StepRules, source: InstanceSource[np.float64], render_mode: str | None = None) -> None:
        self.task = rules.task
        super().__init__(rules, checked_source(source), render_mode)


class ControlVectorEnv(EpisodeVectorEnv[StepStates, StepChecks]):
    """A batch of `ControlEnv`s, equal to `SyncVectorEnv` over them bit for bit where the source is stateless.

    Args:
        num_envs: how many episodes B run at once.
        rules: the system, played step by step.
        source: where instances come from, float64; sub-environment i draws with a generator of its own.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: at the next step, in the same step, or never.
        max_episode_steps: steps after which an episode is truncated; None: never.
    """

    def __init__(
        self,
        num_envs: int,
        rules: StepRules,
        source: InstanceSource[np.float64],
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        self.task = rules.task
        source = checked_source(source)
        super().__init__(num_envs, rules, source, render_mode, autoreset_mode, max_episode_steps)

    def single_env(self) -> ControlEnv:
        """A single environment with the same rules and source."""
        assert isinstance(self.rules, StepRules)
        return ControlEnv(self.rules, self.source, self.render_mode)
