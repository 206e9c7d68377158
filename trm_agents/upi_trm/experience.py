"""What UPITRM learns from with `EditPolicy`: steps of finished episodes, and the instances met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_agents.common.rollout import Rollout
from trm_agents.common.trails import Episode, Trails
from trm_agents.survival import Drawn, Taken, backup
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import states_of
from trm_envs.plan_edit.task import Grids

INSTANCES = 20_000
"""Instances whose first states are drawn, and solved plans kept; the one met longest ago gives way."""


class Experience:
    """The last rollout, the newest steps of finished episodes (an episode an environment), and the instances met.

    Args:
        mdp: the model, which says what an episode's last edit led to.
        cover: the constraints of its task.
        n_envs: environments of a rollout.
    """

    def __init__(self, mdp: PlanEditMDP, cover: Cover, n_envs: int) -> None:
        self.mdp, self._cover = mdp, cover
        n_cells = mdp.task.n_cells
        self._instances = np.zeros((0, n_cells), np.int8)
        self._goals: dict[bytes, NDArray[np.int8]] = {}
        self._steps = np.zeros((0, 2, n_cells), np.int8)
        """Instance and plan of each step."""
        self._facts = np.zeros((0, 5), np.int64)
        """Of each step: the edit taken, steps to the end of its episode, whether that ended solved, whether the plan
        before the edit has a blank and hope, and the edits left."""
        self._trails = Trails(mdp, n_envs)
        self.restart(n_envs)

    def restart(self, n_envs: int) -> None:
        """Drop unfinished episodes; the next state of each of so many environments is the first of an episode."""
        self._begins = np.ones(n_envs, np.bool_)
        self._trails.restart(n_envs)
        self._capacity = n_envs * self.mdp.max_edits

    def add(self, rollout: Rollout) -> int:
        """Follow the episodes of a rollout; returns how many ended in it, whose last edits were taken once more."""
        instances = rollout.observations["instance"].reshape(rollout.n_steps, rollout.n_envs, -1)
        ends = rollout.terminated | rollout.truncated
        begins = np.concatenate([self._begins[None], ends[:-1]])
        self._instances = np.concatenate([self._instances, instances[begins]])[-INSTANCES:]
        self._begins = ends[-1].copy()
        self._recent = states_of({key: rollout.flat(value).copy() for key, value in rollout.observations.items()})
        self._recent_hopeful = unfinished(self._recent.plans, self._cover)
        finished = list(self._trails.add(rollout))
        if finished:
            steps = [np.stack([np.broadcast_to(e.instance, e.plans.shape), e.plans], axis=1) for e in finished]
            self._steps = np.concatenate([self._steps, *steps])[-self._capacity :]
            self._facts = np.concatenate([self._facts, *map(self._facts_of, finished)])[-self._capacity :]
            self._remember([episode for episode in finished if episode.solved])
        return len(finished)

    def _remember(self, solved: list[Episode]) -> None:
        """Keep the solved plans of episodes."""
        for episode in solved:
            self._goals.pop(episode.instance.tobytes(), None)
            self._goals[episode.instance.tobytes()] = episode.last
            if len(self._goals) > INSTANCES:
                del self._goals[next(iter(self._goals))]

    def draw(self, count: int, first_states: float, horizon: int | None, rng: np.random.Generator) -> Drawn:
        """So many states, a share of them first states; more of these where too few others are there.

        Of the others, those are left out whose plan has no blank or is lost by what the constraints say.

        Args:
            count: how many.
            first_states: least share of first states.
            horizon: how many steps later `Taken.later` is, in finished episodes; None draws from the last rollout.
            rng: draws.
        """
        hopeful = self._recent_hopeful if horizon is None else np.flatnonzero(self._facts[:, 3])
        rows = rng.permutation(hopeful)[: count - round(first_states * count)]
        visited = self._recent.at(rows) if horizon is None else self._states(rows)
        begun = self.mdp.initial(self._instances[rng.integers(len(self._instances), size=count - len(rows))])
        states = PlanStates(
            np.concatenate([visited.instances, begun.instances]),
            np.concatenate([visited.plans, begun.plans]),
            np.concatenate([visited.remaining_edits, begun.remaining_edits]),
        )
        goals = [self._goals.get(instance.tobytes()) for instance in states.instances]
        plans = np.stack([plan if goal is None else goal for goal, plan in zip(goals, states.plans, strict=True)])
        known = np.array([goal is not None for goal in goals])
        first = np.arange(count) >= len(rows)
        return Drawn(states, first, plans, known, None if horizon is None else self._taken(rows, horizon))

    def _taken(self, rows: NDArray[np.int64], horizon: int) -> Taken:
        """What was done in these steps."""
        actions, left, won, *_ = self._facts[rows].T
        later = np.minimum(rows + horizon, len(self._facts) - 1)
        return Taken(actions, left, won.astype(np.bool_), self._states(later))

    def _facts_of(self, episode: Episode) -> NDArray[np.int64]:
        """What `_facts` holds of the steps of an episode, (L, 5)."""
        length = len(episode.actions)
        hopeful, taken = np.zeros(length, np.bool_), np.arange(length)
        hopeful[unfinished(episode.plans, self._cover)] = True
        won = np.full(length, episode.solved)
        return np.stack([episode.actions, length - taken, won, hopeful, self.mdp.max_edits - taken], axis=1)

    def _states(self, rows: NDArray[np.int64]) -> PlanStates:
        """The states in which steps were taken."""
        return PlanStates(self._steps[rows, 0], self._steps[rows, 1], self._facts[rows, 4].astype(np.int32))


def unfinished(plans: Grids, cover: Cover) -> NDArray[np.int64]:
    """Rows of plans that have a blank and that the constraints do not call lost."""
    of = backup.status(plans, cover)
    hopeful = backup.state_value(backup.sums(np.ones(of.legal.shape, np.float32), of, cover), of) > 0.0
    return np.flatnonzero(hopeful & (plans == 0).any(axis=1))
