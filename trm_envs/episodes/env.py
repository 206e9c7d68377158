"""One episode at a time as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Generic, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.error import Error as GymnasiumError
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from trm_envs import drawing
from trm_envs.episodes.rules import Checks, Observation, Rules, States, row_of
from trm_envs.instances.sources import InstanceSource

RENDER_MODES = ("ansi", "rgb_array", "human")


class Episode(NamedTuple, Generic[States, Checks]):
    """Where an episode stands; `states` and `checks` are None before the first one."""

    states: States | None
    """One state."""
    checks: Checks | None
    """The checker on it."""
    terminated: bool
    steps: int
    """Steps taken."""
    ticket: Any
    """What the source hears of when the episode ends; None for nothing."""


class EpisodeEnv(gym.Env[Any, Any], Generic[States, Checks]):
    """Play episodes of an MDP on instances of a source.

    Args:
        rules: the MDP, its spaces, and how states are told.
        source: where instances come from; drawn with the environment's own generator, and told how episodes end.
        render_mode: `ansi`, `rgb_array`, `human` or None.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012

    def __init__(
        self, rules: Rules[States, Checks], source: InstanceSource[Any], render_mode: str | None = None
    ) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode must be None or one of {RENDER_MODES}, got {render_mode!r}")
        self.rules = rules
        self.source = source
        self.render_mode = render_mode
        self.observation_space = rules.observation_space
        self.action_space = rules.action_space
        self._states: States | None = None
        self._checks: Checks | None = None
        self._terminated = False
        self._steps = 0
        self._ticket: Any = None
        self._window: drawing.Window | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode on a drawn instance, or on the one that `options` names, which no source hears of.

        Args:
            seed: reseeds the generator that draws instances; what an adaptive source has learned stays.
            options: as the environment's page says.

        Raises:
            TypeError: the options are no mapping.
            ValueError: an unknown option, or an instance that is none.
            gymnasium.error.Error: the seed is no whole number of at least 0.
        """
        if isinstance(seed, bool | np.bool_):
            raise GymnasiumError(f"Seed must be a whole number of at least 0, got {seed}: truth values are none")
        super().reset(seed=seed)
        chosen = self.rules.read_instance(checked_options(options))
        if self._ticket is not None:
            self.source.abandon(self._ticket)
            self._ticket = None
        instance, self._ticket = self.source.draw(self.np_random) if chosen is None else (chosen, None)
        self._states = self.rules.initial(instance[None])
        self._checks = self.rules.check(self._states)
        self._terminated, self._steps = False, 0
        info = self._info(np.zeros(1, np.bool_))
        if self.render_mode == "human":
            self._show()
        return self._observation(), info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one action.

        Raises:
            ResetNeeded: there is no episode under way.
            TypeError: the action is of another kind.
            InvalidAction: the action has another shape or is outside the action space.
        """
        if self._states is None or self._checks is None or self._terminated:
            raise ResetNeeded("the episode has ended or not begun: call reset() before step()")
        outcome = self.rules.transition(self._states, self.rules.read_actions(action, None), self._checks)
        self._states, self._checks = outcome.states, outcome.checks
        self._terminated, self._steps = bool(outcome.terminated[0]), self._steps + 1
        if self._terminated and self._ticket is not None:
            self.source.report(self._ticket, bool(self.rules.solved(outcome.checks)[0]))
            self._ticket = None
        info = self._info(outcome.event)
        if self.render_mode == "human":
            self._show()
        return self._observation(), float(outcome.rewards[0]), self._terminated, False, info

    @property
    def episode(self) -> Episode[States, Checks]:
        """The episode under way; to set it goes on with another one."""
        return Episode(self._states, self._checks, self._terminated, self._steps, self._ticket)

    @episode.setter
    def episode(self, episode: Episode[States, Checks]) -> None:
        self._states, self._checks, self._terminated, self._steps, self._ticket = episode

    def get_state(self) -> dict[str, Any]:
        """All that decides what happens next, for `set_state`: the episode, the generator and the source."""
        state = {
            "states": self._states,
            "checks": self._checks,
            "terminated": self._terminated,
            "steps": self._steps,
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
        # States of older versions do not say how many steps were taken, and nothing in an episode depends on it.
        self._steps = state.get("steps", 0)
        self.np_random.bit_generator.state = state["rng"]

    def render(self) -> Any:
        """Text (`ansi`), an RGB array (`rgb_array`), or None; `human` draws at every step by itself."""
        if self.render_mode is None or self.render_mode == "human":
            return None
        return self.rules.render(self._current(), self.render_mode)

    def close(self) -> None:
        """Close the window of `human`, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _current(self) -> States:
        if self._states is None:
            raise ResetNeeded("there is no episode yet: call reset() first")
        return self._states

    def _observation(self) -> Observation:
        assert self._checks is not None
        return row_of(self.rules.observe(self._current(), self._checks), 0)

    def _info(self, event: NDArray[np.bool_]) -> dict[str, Any]:
        assert self._checks is not None
        batch = self.rules.information(self._current(), self._checks, event)
        # Plain Python scalars: what Gymnasium's checker and JSON want.
        return {key: values[0] if values.ndim > 1 else values.item() for key, values in batch.items()}

    def _show(self) -> None:
        if self._window is None:
            self._window = drawing.Window()
        self._window.show(self.rules.render(self._current(), "rgb_array"), self.metadata["render_fps"])


def checked_options(options: Any) -> dict[str, Any]:
    """Reset's options as a dict of its own.

    Raises:
        TypeError: they are no mapping.
    """
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"options must be a dict, or None, got {options!r}")
    return dict(options or {})
