"""B episodes at once, with a stateless source equal to `SyncVectorEnv` over `EpisodeEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from trm_envs.episodes.env import EpisodeEnv
from trm_envs.episodes.rules import Checks, Observation, Outcome, Rules, States, row_of, rows_of
from trm_envs.instances.sources import InstanceSource

Info = dict[str, Any]
Rows = NDArray[np.bool_]


class EpisodeVectorEnv(VectorEnv[Any, NDArray[Any], NDArray[Any]], Generic[States, Checks]):
    """A batch of `EpisodeEnv`s stepped by one call of `Rules.transition`.

    It equals `SyncVectorEnv` over single environments bit for bit, where the source is stateless. An adaptive source is
    one for all sub-environments here and learns from all their episodes, while single environments have one each.

    Args:
        num_envs: how many episodes B run at once.
        rules: the MDP, its spaces, and how states are told.
        source: where instances come from; sub-environment i draws with a generator of its own.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: at the next step, in the same step, or never.
    """

    def __init__(
        self,
        num_envs: int,
        rules: Rules[States, Checks],
        source: InstanceSource[Any],
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        if render_mode not in (None, "ansi", "rgb_array"):
            raise ValueError(
                f"render_mode must be None, 'ansi' or 'rgb_array' for a vector environment, got {render_mode!r}"
            )
        self.rules = rules
        self.source = source
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**EpisodeEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = rules.observation_space
        self.single_action_space = rules.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rngs = [seeding.np_random(None)[0] for _ in range(num_envs)]
        self._ended = np.zeros(num_envs, np.bool_)
        self._states: States | None = None
        self._checks: Checks | None = None
        # The tickets of the episodes under way, by row; a stateless source hands out none.
        self._tickets: dict[int, Any] = {}

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start episodes in all sub-environments, or in those of `options["reset_mask"]`.

        Args:
            seed: an integer seeds sub-environment i with `seed + i`; a sequence gives one seed (or None) each. What an
                adaptive source has learned stays.
            options: `reset_mask`, bool array of shape (num_envs,), and what `EpisodeEnv.reset` takes.

        Raises:
            ValueError: a wrong number of seeds, a bad mask, or what `EpisodeEnv.reset` raises.
        """
        seeds: Sequence[int | None]
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = seed
        if len(seeds) != self.num_envs:
            raise ValueError(f"got {len(seeds)} seeds for {self.num_envs} environments")
        options = dict(options or {})
        rows = self._reset_rows(options.pop("reset_mask", None))
        for i, env_seed in enumerate(seeds):
            if rows[i] and env_seed is not None:
                self._rngs[i], _ = seeding.np_random(env_seed)
        self._begin(rows, self.rules.read_instance(options))
        return self._observations(), self._info(np.zeros(self.num_envs, np.bool_), rows)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """One action in every sub-environment.

        Args:
            actions: one a sub-environment along the first axis.

        Raises:
            ResetNeeded: an episode has ended and autoreset is disabled, or none has begun.
            TypeError: the actions are of another kind.
            InvalidAction: the shape is another, or an action is outside the action space.
        """
        actions = self.rules.read_actions(actions, self.num_envs)
        states, begin = self._current(), self._ended
        if self.autoreset_mode == AutoresetMode.DISABLED and begin.any():
            raise ResetNeeded(f"episodes {np.flatnonzero(begin)} have ended: reset them with options['reset_mask']")
        assert self._checks is not None
        outcome = self.rules.transition(states, actions, self._checks)
        self._states, self._checks = outcome.states, outcome.checks
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            return self._same_step(outcome)
        self._ended = outcome.terminated & ~begin
        self._report(self._ended)
        self._begin(begin, None)
        rewards = np.where(begin, 0.0, outcome.rewards)
        info = self._info(outcome.event & ~begin)
        return self._observations(), rewards, self._ended.copy(), np.zeros(self.num_envs, np.bool_), info

    def _same_step(
        self, outcome: Outcome[States, Checks]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Replace ended episodes at once; their last observation and info go to `final_obs`, `final_info`."""
        done = outcome.terminated
        final: Info = {}
        if done.any():
            last = self._observations()
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(done).tolist():
                final_obs[i] = row_of(last, i)
            final_info = self._info(outcome.event, done)
            final = {"final_obs": final_obs, "_final_obs": done.copy()}
            final |= {"final_info": final_info, "_final_info": done.copy()}
            self._report(done)
            self._begin(done, None)
        info = self._info(outcome.event & ~done)
        return self._observations(), outcome.rewards, done, np.zeros(self.num_envs, np.bool_), final | info

    def get_state(self) -> list[dict[str, Any]]:
        """All that decides what happens next, one state a sub-environment, in the form of `EpisodeEnv.get_state`.

        Each of them carries the state of the source that they share.
        """
        source = self.source.get_state()
        return [
            {
                "states": None if self._states is None else rows_of(self._states, rows),
                "checks": None if self._checks is None else rows_of(self._checks, rows),
                "terminated": bool(self._ended[rows[0]]),
                "rng": self._rngs[rows[0]].bit_generator.state,
                "ticket": self._tickets.get(int(rows[0])),
                "source": source,
            }
            for rows in np.arange(self.num_envs)[:, None]
        ]

    def set_state(self, state: dict[str, Any], index: int) -> None:
        """Sub-environment `index` continues exactly where this state was taken, from a single environment or here.

        So does the source: with an adaptive one, set the states of one `get_state` in all sub-environments.

        Raises:
            ValueError: the state is that of an environment with another kind of source.
        """
        self.source.set_state(state["source"])
        self._tickets.pop(index, None)
        self._hold([index], [state["ticket"]])
        self._rngs[index].bit_generator.state = state["rng"]
        self._ended[index] = state["terminated"]
        if state["states"] is None:
            return
        if self._states is None:
            # Any states will do until theirs are set.
            self._states = rows_of(state["states"], np.zeros(self.num_envs, np.int64))
            self._checks = rows_of(state["checks"], np.zeros(self.num_envs, np.int64))
        self._replace(np.array([index]), state["states"], state["checks"])

    def render(self) -> tuple[Any, ...] | None:
        """One frame a sub-environment."""
        if self.render_mode is None:
            return None
        states = self._current()
        return tuple(
            self.rules.render(rows_of(states, slice(i, i + 1)), self.render_mode) for i in range(self.num_envs)
        )

    def _observations(self) -> Observation:
        assert self._checks is not None
        return self.rules.observe(self._current(), self._checks)

    def _current(self) -> States:
        if self._states is None:
            raise ResetNeeded("there is no episode yet: call reset() first")
        return self._states

    def _reset_rows(self, mask: Any) -> Rows:
        """Check a reset mask; None means all rows."""
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(f"options['reset_mask'] must be a bool array of shape ({self.num_envs},), got {mask!r}")
        if not mask.any():
            raise ValueError("options['reset_mask'] must select at least one environment")
        if self._states is None and not mask.all():
            raise ResetNeeded("the first reset must start every environment")
        return mask

    def _begin(self, rows: Rows, instance: NDArray[Any] | None) -> None:
        """Start new episodes in these rows, in place of the ones there."""
        if not rows.any():
            return
        chosen = np.flatnonzero(rows)
        self._abandon(chosen)
        if instance is None:
            instances, tickets = self.source.draw_each([self._rngs[i] for i in chosen])
        else:
            instances, tickets = np.tile(instance, (len(chosen), 1)), None
        if tickets is not None:
            self._hold(chosen.tolist(), tickets)
        fresh = self.rules.initial(instances)
        fresh_checks = self.rules.check(fresh)
        if rows.all():
            self._states, self._checks = fresh, fresh_checks
        else:
            self._replace(chosen, fresh, fresh_checks)
        self._ended = self._ended & ~rows

    def _report(self, ended: Rows) -> None:
        """Tell the source how these episodes went."""
        if not self._tickets:
            return
        assert self._checks is not None
        solved = self.rules.solved(self._checks)
        for i in np.flatnonzero(ended).tolist():
            if i in self._tickets:
                self.source.report(self._tickets.pop(i), bool(solved[i]))

    def _abandon(self, rows: NDArray[np.int64]) -> None:
        """Tell the source of episodes in these rows that have not ended and never will."""
        if not self._tickets:
            return
        for i in rows.tolist():
            if i in self._tickets:
                self.source.abandon(self._tickets.pop(i))

    def _hold(self, rows: Sequence[int], tickets: Sequence[Any]) -> None:
        """Keep the tickets of the episodes that begin in these rows."""
        self._tickets |= {i: ticket for i, ticket in zip(rows, tickets, strict=True) if ticket is not None}

    def _replace(self, rows: NDArray[np.int64], states: States, checks: Checks) -> None:
        """Put these states in these rows, in place: what `observe`, `information` and `get_state` gave are copies."""
        assert self._states is not None and self._checks is not None
        batches: tuple[NDArray[Any], ...] = (*self._states, *self._checks)
        for batch, values in zip(batches, (*states, *checks), strict=True):
            batch[rows] = values

    def _info(self, event: Rows, rows: Rows | None = None) -> Info:
        """Batched infos in Gymnasium's form: zero and marked absent outside `rows`."""
        assert self._checks is not None
        present = np.ones(self.num_envs, np.bool_) if rows is None else rows
        partial = not present.all()
        info: Info = {}
        for key, values in self.rules.information(self._current(), self._checks, event).items():
            if partial:
                values = np.where(present.reshape(-1, *[1] * (values.ndim - 1)), values, np.zeros_like(values))
            info[key], info[f"_{key}"] = values, present.copy()
        return info
