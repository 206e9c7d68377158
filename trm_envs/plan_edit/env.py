"""One episode of plan editing as a Gymnasium environment."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.reading import check_integers
from trm_envs.plan_edit.render import render, show
from trm_envs.plan_edit.sources import InstanceSource
from trm_envs.plan_edit.spaces import Observation, checked_action, information, observation_space, observe
from trm_envs.plan_edit.task import Checks, PlanTask

RENDER_MODES = ("ansi", "rgb_array", "human")


class PlanEditEnv(gym.Env[Observation, np.int64]):
    """Edit a plan until the checker calls it solved or the edits run out.

    Args:
        mdp: the transition function, rewards and legal actions.
        source: where instances come from; drawn with the environment's own generator, and told how episodes end.
        render_mode: `ansi`, `rgb_array`, `human` or None.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012

    def __init__(self, mdp: PlanEditMDP, source: InstanceSource, render_mode: str | None = None) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode must be None or one of {RENDER_MODES}, got {render_mode!r}")
        self.mdp = mdp
        self.source = source
        self.render_mode = render_mode
        self.observation_space = observation_space(mdp)
        self.action_space = spaces.Discrete(mdp.n_actions)
        self._states: PlanStates | None = None
        self._checks: Checks | None = None
        self._terminated = False
        self._ticket: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode on a drawn instance, or on `options["puzzle"]`, which no source hears of.

        Args:
            seed: reseeds the generator that draws instances; what an adaptive source has learned stays.
            options: `{"puzzle": grid}`, an array of n_cells integers in any shape or a line of text that the puzzle's
                `parse` reads, starts on that instance.

        Raises:
            ValueError: an unknown option, or a puzzle of the wrong size or that contradicts itself.
        """
        super().reset(seed=seed)
        puzzle = chosen_puzzle(self.mdp.task, options)
        if self._ticket is not None:
            self.source.abandon(self._ticket)
            self._ticket = None
        instance, self._ticket = self.source.draw(self.np_random) if puzzle is None else (puzzle, None)
        self._states = self.mdp.initial(instance[None])
        self._checks = self.mdp.check(self._states)
        self._terminated = False
        observation, info = self._observation(), self._info(np.zeros(1, np.bool_))
        if not info["action_mask"].any():
            raise ValueError(
                f"no action is legal at level {self.mdp.legal_actions!r}: the instance has no solution; "
                "remove it or use legal_actions='givens'"
            )
        if self.render_mode == "human":
            self._show()
        return observation, info

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one edit; an illegal one changes nothing and still spends an edit.

        Raises:
            ResetNeeded: there is no episode under way.
            TypeError: the action is not one integer.
            InvalidAction: the action is outside the action space.
        """
        if self._states is None or self._terminated:
            raise ResetNeeded("the episode has ended or not begun: call reset() before step()")
        index = checked_action(action, self.mdp.n_actions)
        transition = self.mdp.transition(self._states, np.array([index], np.int64), self._checks)
        self._states, self._checks = transition.successors, transition.checks
        self._terminated = bool(transition.terminated[0])
        if self._terminated and self._ticket is not None:
            self.source.report(self._ticket, bool(transition.checks.solved[0]))
            self._ticket = None
        info = self._info(transition.invalid)
        if self.render_mode == "human":
            self._show()
        return self._observation(), float(transition.rewards[0]), self._terminated, False, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Legal actions of the current state, shape (n_actions,), bool (sb3-contrib's convention)."""
        mask: NDArray[np.bool_] = self.mdp.action_mask(self._current())[0]
        return mask

    def get_state(self) -> dict[str, Any]:
        """All that decides what happens next, for `set_state`: the episode, the generator and the source."""
        state = {
            "states": self._states,
            "checks": self._checks,
            "terminated": self._terminated,
            "rng": self.np_random.bit_generator.state,
            "ticket": self._ticket,
            "source": self.source.get_state(),
        }
        return deepcopy(state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `get_state` was called.

        Raises:
            ValueError: the state is that of an environment with another kind of source.
        """
        state = deepcopy(state)
        self.source.set_state(state["source"])
        self._ticket = state["ticket"]
        self._states, self._checks, self._terminated = state["states"], state["checks"], state["terminated"]
        self.np_random.bit_generator.state = state["rng"]

    def render(self) -> Any:
        """Text (`ansi`), an RGB array (`rgb_array`), or None; `human` draws at every step by itself."""
        if self.render_mode is None or self.render_mode == "human":
            return None
        states = self._current()
        return render(self.mdp.task, self.render_mode, states.instances[0], states.plans[0])

    def _current(self) -> PlanStates:
        if self._states is None:
            raise ResetNeeded("there is no episode yet: call reset() first")
        return self._states

    def _observation(self) -> Observation:
        return {key: batch[0] for key, batch in observe(self._current()).items()}

    def _info(self, invalid: NDArray[np.bool_]) -> dict[str, Any]:
        assert self._checks is not None
        batch = information(self.mdp.action_mask(self._current()), self._checks, invalid)
        # Plain Python scalars: what Gymnasium's checker and JSON want.
        return {key: values[0] if values.ndim > 1 else values.item() for key, values in batch.items()}

    def _show(self) -> None:
        states = self._current()
        show(self.mdp.task, states.instances[0], states.plans[0], self.metadata["render_fps"])


def chosen_puzzle(task: PlanTask, options: dict[str, Any] | None) -> NDArray[np.int8] | None:
    """The instance named by reset's `options`, flat and validated, or None.

    Raises:
        ValueError: an unknown option, a wrong size, a bad value, or an instance that contradicts itself.
    """
    if not options:
        return None
    if set(options) != {"puzzle"}:
        raise ValueError(f"unknown reset options {sorted(set(options) - {'puzzle'})}; the only one is 'puzzle'")
    puzzle = _parsed(task, options["puzzle"]) if isinstance(options["puzzle"], str) else np.asarray(options["puzzle"])
    if puzzle.size != task.n_cells:
        raise ValueError(f"options['puzzle'] must have {task.n_cells} cells, got an array of shape {puzzle.shape}")
    check_integers(puzzle, "options['puzzle']")
    if puzzle.min() < 0 or puzzle.max() > task.instance_high:
        raise ValueError(f"options['puzzle'] must hold values within 0..{task.instance_high}")
    instance = puzzle.reshape(-1).astype(np.int8)
    task.validate(instance[None])
    return instance


def _parsed(task: PlanTask, text: str) -> NDArray[np.int8]:
    """The instance that a line of text says."""
    try:
        return task.parse(text)
    except ValueError as error:
        raise ValueError(
            f"options['puzzle'] must be an array or one line of text, no file's name, got {text[:100]!r}: {error}"
        ) from None
