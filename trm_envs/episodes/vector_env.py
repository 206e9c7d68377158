"""B episodes at once, with a stateless source equal to `SyncVectorEnv` over `EpisodeEnv`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from trm_envs.episodes.env import Episode, EpisodeEnv, checked_options
from trm_envs.episodes.members import SHARED, Members, checked_mask, checked_seeds, checked_values, single_spec
from trm_envs.episodes.rules import Checks, Observation, Outcome, Rules, States, row_of, rows_of
from trm_envs.instances.numbers import whole
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
        max_episode_steps: steps after which an episode is truncated, as by `TimeLimit`; None: never. A source with
            curriculum or retry learns nothing from truncated episodes.
    """

    def __init__(
        self,
        num_envs: int,
        rules: Rules[States, Checks],
        source: InstanceSource[Any],
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        num_envs = whole("num_envs", num_envs, 1)
        if render_mode not in (None, "ansi", "rgb_array"):
            raise ValueError(
                f"render_mode must be None, 'ansi' or 'rgb_array' for a vector environment, got {render_mode!r}"
            )
        self.rules = rules
        self.source = source
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.max_episode_steps = None if max_episode_steps is None else whole("max_episode_steps", max_episode_steps, 1)
        self.metadata = {**EpisodeEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = rules.observation_space
        self.single_action_space = rules.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        drawn = [seeding.np_random(None) for _ in range(num_envs)]
        self._rngs, self._seeds = [rng for rng, _ in drawn], [seed for _, seed in drawn]
        self._ended = np.zeros(num_envs, np.bool_)
        self._steps = np.zeros(num_envs, np.int64)
        self._states: States | None = None
        self._checks: Checks | None = None
        # The tickets of the episodes under way, by row; a stateless source hands out none.
        self._tickets: dict[int, Any] = {}
        # Made when `call` first asks for them.
        self._members: Members | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start episodes in all sub-environments, or in those of `options["reset_mask"]`.

        Args:
            seed: an integer seeds sub-environment i with `seed + i`; a sequence gives one seed (or None) each. What an
                adaptive source has learned stays.
            options: `reset_mask`, bool array of shape (num_envs,), and what `EpisodeEnv.reset` takes.

        Raises:
            TypeError: seeds, options or the mask are of a wrong kind.
            ValueError: a wrong number of seeds, a bad mask, or what `EpisodeEnv.reset` raises.
        """
        seeds = checked_seeds(seed, self.num_envs)
        options = checked_options(options)
        rows = checked_mask(options.pop("reset_mask", None), self.num_envs)
        if self._states is None and not rows.all():
            raise ResetNeeded("the first reset must start every environment")
        instances = self.rules.read_instances(options, rows)
        for i, env_seed in enumerate(seeds):
            if rows[i] and env_seed is not None:
                self._rngs[i], self._seeds[i] = seeding.np_random(env_seed)
        self._begin(rows, instances)
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
        self._steps += 1
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            return self._same_step(outcome)
        terminated, truncated = outcome.terminated & ~begin, self._truncated() & ~begin
        self._ended = terminated | truncated
        self._report(terminated)
        self._begin(begin, None)
        rewards = np.where(begin, 0.0, outcome.rewards)
        return self._observations(), rewards, terminated, truncated, self._info(outcome.event & ~begin)

    def _same_step(
        self, outcome: Outcome[States, Checks]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Replace ended episodes at once; their last observation and info go to `final_obs`, `final_info`."""
        truncated = self._truncated()
        done = outcome.terminated | truncated
        final: Info = {}
        if done.any():
            last = self._observations()
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(done).tolist():
                final_obs[i] = row_of(last, i)
            final_info = self._info(outcome.event, done)
            final = {"final_obs": final_obs, "_final_obs": done.copy()}
            final |= {"final_info": final_info, "_final_info": done.copy()}
            self._report(outcome.terminated)
            self._begin(done, None)
        info = self._info(outcome.event & ~done)
        return self._observations(), outcome.rewards, outcome.terminated, truncated, final | info

    def _truncated(self) -> Rows:
        limit = self.max_episode_steps
        return np.zeros(self.num_envs, np.bool_) if limit is None else np.asarray(self._steps >= limit)

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of each sub-environment, as `SyncVectorEnv` gives them."""
        return tuple(self._rngs)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of each sub-environment's generator, as `SyncVectorEnv` gives them; -1 where none is known."""
        return tuple(self._seeds)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What a method or attribute of each single environment gives, as in `SyncVectorEnv`.

        A method acts on its episode: `call("step", 3)` and `call("reset", seed=0)` move all of them.

        Raises:
            AttributeError: single environments have none of this name.
        """
        return self._single_envs().call(name, args, kwargs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each single environment; a method is called."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each single environment.

        Args:
            name: of the attribute.
            values: a list or tuple of one value each, or one value for all.

        Raises:
            ValueError: another number of values, different ones for `source` or `render_mode`, which sub-environments
                share, or an attribute that the spaces are made from.
        """
        each = checked_values(name, values, self.num_envs)
        if name in SHARED:
            setattr(self, name, each[0])
        self._single_envs().set_attr(name, each)

    def single_env(self) -> EpisodeEnv[States, Checks]:
        """A single environment with the same rules and source."""
        return EpisodeEnv(self.rules, self.source, self.render_mode)

    def _single_envs(self) -> Members:
        if self._members is None:
            self._members = Members([self.single_env() for _ in range(self.num_envs)], self._lent)
        return self._members

    def _lent(self, index: int, member: EpisodeEnv[States, Checks]) -> Iterator[None]:
        """Put the episode and the generator of a row into its single environment; take them back when it is done."""
        rows = np.array([index])
        states = None if self._states is None else rows_of(self._states, rows)
        checks = None if self._checks is None else rows_of(self._checks, rows)
        ticket = self._tickets.pop(index, None)
        member.episode = Episode(states, checks, bool(self._ended[index]), int(self._steps[index]), ticket)
        member._np_random, member._np_random_seed = self._rngs[index], self._seeds[index]
        member.spec = single_spec(self.spec, self.max_episode_steps)
        yield
        after, seed = member.episode, member._np_random_seed
        self._rngs[index], self._seeds[index] = member.np_random, -1 if seed is None else seed
        self._hold([index], [after.ticket])
        if after.states is not states and after.states is not None and after.checks is not None:
            self._ended[index], self._steps[index] = after.terminated, after.steps
            self._put(index, after.states, after.checks)

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
                "steps": int(self._steps[rows[0]]),
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
        self._ended[index], self._steps[index] = state["terminated"], state.get("steps", 0)
        if state["states"] is not None:
            self._put(index, state["states"], state["checks"])

    def _put(self, index: int, states: States, checks: Checks) -> None:
        """Put one state in a row, before the first reset too."""
        if self._states is None:
            # Any states will do until theirs are set.
            self._states = rows_of(states, np.zeros(self.num_envs, np.int64))
            self._checks = rows_of(checks, np.zeros(self.num_envs, np.int64))
        self._replace(np.array([index]), states, checks)

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

    def _begin(self, rows: Rows, instances: NDArray[Any] | None) -> None:
        """Start new episodes in these rows, on these instances, one a row, or on drawn ones."""
        if not rows.any():
            return
        chosen = np.flatnonzero(rows)
        self._abandon(chosen)
        if instances is None:
            instances, tickets = self.source.draw_each([self._rngs[i] for i in chosen])
            if tickets is not None:
                self._hold(chosen.tolist(), tickets)
        fresh = self.rules.initial(instances)
        fresh_checks = self.rules.check(fresh)
        if rows.all():
            self._states, self._checks = fresh, fresh_checks
        else:
            self._replace(chosen, fresh, fresh_checks)
        self._ended = self._ended & ~rows
        self._steps[rows] = 0

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
