"""The replay memory: states of instances that the agent has solved, labelled by its own solved plans."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.common.rollout import Rollout
from trm_agents.common.trails import Trails
from trm_agents.solving import Proposer, search
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids, PlanTask

PLANS_OF_A_FAILURE = 25
"""Plans of a failed episode that wait for its instance to be solved."""
WAITING_INSTANCES = 4_000
"""Failed instances whose plans wait; the longest waiting gives way."""
WAITING_PLANS = 100
"""Plans that wait for one instance."""
GOALS_KEPT = 8
"""Solved plans known of one instance."""
UNSEARCHED_INSTANCES = 1_000
"""Instances with one solved plan that a search for others may still take; the one solved longest ago gives way."""
GOAL_INSTANCES = 4_000
"""Instances of which solved plans are known; the one that was solved longest ago gives way."""


def nearest(plans: Grids, goals: Grids) -> Grids:
    """The goal that differs from each plan in the fewest cells, the first of equals, (B, n_cells).

    Each goal bounds Q* from below by the return of editing the plan into it, and the nearest one the most tightly: on
    the first plan this is the solution of fewest edits, on a plan that is half way to one it is that one.

    Args:
        plans: shape (B, n_cells).
        goals: solved plans of the same instance, shape (k, n_cells).
    """
    labels: Grids = goals[(plans[:, None] != goals).sum(axis=2).argmin(axis=1)]
    return labels


def edit_labels(task: PlanTask, plans: Grids, goals: Grids) -> NDArray[np.bool_]:
    """Which edits write what the goal has in their cell, (B, n_cells, n_symbols).

    With m cells in which plan and goal differ, the plan that an edit leads to differs in m - 1, m or m + 1, and becomes
    the goal in as many further edits. Transitions are known and deterministic, so that path's return is known of every
    edit at every state of the instance, visited or not, without a label: the goal is a plan that the agent made and the
    checker called solved. It is a lower bound on Q*, and equal to it where the instance has one solution. This is
    expert iteration with the agent's own solutions as the expert (Anthony et al. 2017), relabelled in the manner of
    hindsight (Andrychowicz et al. 2017).
    """
    right: NDArray[np.bool_] = task.writes(plans) == goals[:, :, None]
    return right


def between(plans: Grids, start: Grids, goals: Grids) -> NDArray[np.bool_]:
    """Which plans have, for one of the goals, nothing but its symbols and those of the first plan, shape (B,).

    Args:
        plans: shape (B, n_cells).
        start: the first plan of their instance, shape (1, n_cells).
        goals: solved plans of it, shape (k, n_cells).
    """
    fitting: NDArray[np.bool_] = ((plans[:, None] == goals) | (plans[:, None] == start)).all(axis=2).any(axis=1)
    return fitting


@dataclass(frozen=True)
class Search:
    """Searches of the model, in training, for plans that solve what episodes have failed at.

    Args:
        instances: failed instances that each iteration searches, guided by the network, at least 1.
        calls: network calls of such a search, at least 1.
        solutions: solved plans that it looks for, at least 1. A state is labelled by the nearest one known; where an
            instance has several solutions, more than 1 keeps labels from contradicting each other.
    """

    instances: int
    calls: int = 50
    solutions: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"Search: {name} must be at least 1, got {value}; search=None leaves searches out")


class Sample(NamedTuple):
    """States of solved instances, each with a solved plan of its instance."""

    states: PlanStates
    goals: Grids
    """Shape (B, n_cells)."""


class HindsightMemory:
    """The newest states of instances that the agent has solved, each with the nearest of the plans known to solve it.

    The nearest plan is chosen when a state is drawn: one found later may be nearer than that of the state's episode.

    Fed with rollouts, it follows every episode. Plans visited in an episode that failed wait for a later success on
    the same instance. All randomness comes from the generators handed over, and the whole of it pickles.

    Args:
        mdp: the model, which says what an episode's last edit led to.
        n_envs: environments of a rollout.
        capacity: states kept.
    """

    def __init__(self, mdp: PlanEditMDP, n_envs: int, capacity: int) -> None:
        self.mdp = mdp
        self.capacity = capacity
        self.size = self.next = 0
        self.queries = 0
        """Plans that were looked at through the model, since this was last set to zero."""
        self._kept = self._room(capacity)
        self._waiting: dict[bytes, Grids] = {}
        self._goals: dict[bytes, Grids] = {}
        self._unsearched: dict[bytes, None] = {}
        self._trails = Trails(mdp, n_envs)

    def restart(self, n_envs: int) -> None:
        """Drop unfinished episodes, which will not be continued, and follow those of so many environments."""
        self._trails.restart(n_envs)

    def resize(self, capacity: int) -> None:
        """Make room for so many states; of more than that, the newest stay."""
        newest = (self.next - 1 - np.arange(min(self.size, capacity)))[::-1] % self.capacity
        old, self._kept = self._kept, self._room(capacity)
        for kept, values in zip(self._kept, old, strict=True):
            kept[: len(newest)] = values[newest]
        self.capacity, self.size, self.next = capacity, len(newest), len(newest) % capacity

    def _room(self, capacity: int) -> list[Grids]:
        """Room for instances, plans and goals of so many states."""
        task = self.mdp.task
        return [np.zeros((capacity, width), np.int8) for width in (task.n_instance_cells, task.n_cells, task.n_cells)]

    def add(self, rollout: Rollout, rng: np.random.Generator) -> None:
        """Follow the episodes of a rollout; those that end in it are labelled, or wait.

        Raises:
            ValueError: an episode has more edits left than the steps that it has taken leave it.
        """
        for episode in self._trails.add(rollout):
            self.queries += 1
            instance = episode.instance
            if not episode.solved:
                self._wait(instance, episode.plans, rng)
                continue
            waited = self._waiting.pop(instance.tobytes(), None)
            self.keep(instance, episode.plans, episode.last[None])
            if waited is not None:
                self.keep(instance, waited, episode.last[None])
            self._unsearched[instance.tobytes()] = None
            if len(self._unsearched) > UNSEARCHED_INSTANCES:
                del self._unsearched[next(iter(self._unsearched))]

    def _wait(self, instance: NDArray[np.int8], visited: Grids, rng: np.random.Generator) -> None:
        """Keep some plans of a failed episode for when its instance is solved."""
        chosen = visited[rng.permutation(len(visited))[:PLANS_OF_A_FAILURE]]
        earlier = self._waiting.pop(instance.tobytes(), chosen[:0])
        self._waiting[instance.tobytes()] = np.concatenate([earlier, chosen])[-WAITING_PLANS:]
        if len(self._waiting) > WAITING_INSTANCES:
            del self._waiting[next(iter(self._waiting))]

    def search(self, proposer: Proposer, settings: Search) -> float:
        """Search the model for plans that solve failed instances, those waiting longest; return the share found.

        Where several solved plans are asked for and too few instances wait, the latest that episodes solved are
        searched for others: an episode shows one. No environment step is made: every plan looked at counts as a query
        of the model. What the search visited on the way to a plan that it found is labelled with it. Its dead ends are
        not: there are many, and the more plans with mistakes are trained on, the less a plan's symbols are trusted.

        Args:
            proposer: guides the search.
            settings: how many instances, network calls and solutions.
        """
        keys = list(islice(self._waiting, settings.instances))
        while settings.solutions > 1 and len(keys) < settings.instances and self._unsearched:
            keys.append(self._unsearched.popitem()[0])
        chosen = [np.frombuffer(key, np.int8) for key in keys]
        if not chosen:
            return 0.0
        found = search(
            self.mdp, np.stack(chosen), proposer, settings.calls, keep_visits=True, solutions=settings.solutions
        )
        self.queries += int(found.queries.sum())
        assert found.visits is not None
        for instance, goals, visited in zip(chosen, found.found, found.visits, strict=True):
            waited = self._waiting.pop(instance.tobytes(), visited[:0])
            if len(goals):
                start = self.mdp.task.initial_plans(instance[None])
                self.keep(instance, np.concatenate([waited, visited[between(visited, start, goals)]]), goals)
            elif len(waited):
                # To the end of the line: others have their turn first.
                self._waiting[instance.tobytes()] = waited
        return float(found.solved.mean())

    def keep(self, instance: NDArray[np.int8], plans: Grids, goals: Grids) -> None:
        """Store plans of one instance, each with the nearest of these and earlier solved plans, over the oldest."""
        slots = (self.next + np.arange(len(plans))) % self.capacity
        labels = nearest(plans, self._known(instance, goals))
        for kept, values in zip(self._kept, (instance, plans, labels), strict=True):
            kept[slots] = values
        self.next = int(self.next + len(plans)) % self.capacity
        self.size = min(self.size + len(plans), self.capacity)

    def _known(self, instance: NDArray[np.int8], goals: Grids) -> Grids:
        """Remember solved plans of an instance, and return all that are known of it, newest first."""
        earlier = self._goals.pop(instance.tobytes(), goals[:0])
        fresh = goals[~(goals[:, None] == earlier).all(axis=2).any(axis=1)]
        known = self._goals[instance.tobytes()] = np.concatenate([fresh, earlier])[:GOALS_KEPT]
        if len(self._goals) > GOAL_INSTANCES:
            del self._goals[next(iter(self._goals))]
        return known

    def sample(self, count: int, rng: np.random.Generator) -> Sample:
        """States drawn uniformly, with replacement.

        A state's label holds for every number of edits left that suffices to reach its goal, so that number is drawn.
        """
        chosen = rng.integers(self.size, size=count)
        instances, plans, goals = (kept[chosen] for kept in self._kept)
        for instance, plan, goal in zip(instances, plans, goals, strict=True):
            known = self._goals.get(instance.tobytes())
            if known is not None and len(known) > 1:
                goal[:] = nearest(plan[None], known)[0]
        least = np.maximum((plans != goals).sum(1), 1)
        remaining = rng.integers(np.minimum(least, self.mdp.max_edits), self.mdp.max_edits + 1).astype(np.int32)
        return Sample(PlanStates(instances, plans, remaining), goals)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": [zlib.compress(kept[: self.size].tobytes(), 1) for kept in self._kept]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._kept = self._room(self.capacity)
        for kept, packed in zip(self._kept, state["_kept"], strict=True):
            kept[: self.size] = np.frombuffer(zlib.decompress(packed), np.int8).reshape(self.size, kept.shape[1])
