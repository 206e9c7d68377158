"""The plan-edit MDP: the one transition function that environments, agents and certificates call."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import number, share, truth, whole
from trm_envs.jit import kernel
from trm_envs.plan_edit.task import MOST_WEIGHT, Checks, Grids, LegalActions, PlanTask

StopAction = Literal["noop", "terminal"]


class Rewards(NamedTuple):
    """What is earned beside the shaping; failing costs `PlanTask.max_score`."""

    success: float = 1.0
    """The plan becomes solved."""
    edit: float = 0.0
    """Every legal edit; a stop action is none."""
    illegal: float = 0.0
    """Every illegal action."""
    progress: float = 0.0
    """Times the rise of the checker's score, not discounted."""


class PlanStates(NamedTuple):
    """A batch of states s = (x, y, edits left)."""

    instances: Grids
    """x, shape (B, n_instance_cells), int8."""
    plans: Grids
    """y, shape (B, n_cells), int8."""
    remaining_edits: NDArray[np.int32]
    """Edits left, shape (B,), int32."""

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> PlanStates:
        """The states at these rows."""
        return PlanStates(self.instances[rows], self.plans[rows], self.remaining_edits[rows])


class Transition(NamedTuple):
    """What one action in each state of a batch leads to."""

    successors: PlanStates
    rewards: NDArray[np.float64]
    """Shape (B,)."""
    terminated: NDArray[np.bool_]
    """Shape (B,). A used-up budget is a true end: edits left are part of the state."""
    invalid: NDArray[np.bool_]
    """Shape (B,). The action was not legal: nothing changed but the edits left."""
    checks: Checks
    """The checker on the successors."""


class Successors(NamedTuple):
    """All legal successors of a batch of states, listed row by row."""

    rows: NDArray[np.int64]
    """Index of the source state, shape (M,)."""
    actions: NDArray[np.int64]
    """Action taken there, shape (M,)."""
    transition: Transition
    """Its result, M rows."""


class PlanEditMDP:
    """Deterministic, finite-horizon MDP over plans of a `PlanTask`.

    State (x, y, edits left), action = one edit. With the checker's score as potential Phi, the reward is
    `r0 + gamma * Phi(s') - Phi(s)`; on a terminal step the absorbing boundary (Phi = 0) is folded in once,
    so it is `r0 - Phi(s)`. r0 = +1 when the plan becomes solved, `-max_score` when the episode ends unsolved
    (budget used up, a terminal stop, or a plan that the task calls `lost`), else 0. An illegal action changes nothing
    and still spends one edit. `rewards` sets what success is worth, and may add what each edit earns.

    Args:
        task: the puzzle.
        max_edits: edit budget T of an episode; one edit a cell by default.
        gamma: discount of the potential shaping; agents must use the same.
        shaping: False leaves r0 alone (the sparse variant).
        legal_actions: `givens` (only givens are locked) or `consistent` (the edit must also break no rule).
        stop_action: append one action that edits nothing: `noop` only spends an edit, `terminal` ends the episode.
        rewards: what is earned beside the shaping.

    Raises:
        ValueError: a value is outside its range.
    """

    rewards = Rewards()
    """Of MDPs that were pickled before rewards could be chosen."""

    def __init__(
        self,
        task: PlanTask,
        *,
        max_edits: int | None = None,
        gamma: float = 0.99,
        shaping: bool = True,
        legal_actions: LegalActions = "givens",
        stop_action: StopAction | None = None,
        rewards: Rewards = Rewards(),  # noqa: B008  # immutable
    ) -> None:
        if legal_actions not in get_args(LegalActions):
            raise ValueError(f"legal_actions must be one of {get_args(LegalActions)}, got {legal_actions!r}")
        if stop_action is not None and stop_action not in get_args(StopAction):
            raise ValueError(f"stop_action must be None or one of {get_args(StopAction)}, got {stop_action!r}")
        self.task = task
        self.max_edits = task.n_cells if max_edits is None else whole("max_edits", max_edits, 1)
        self.gamma = share("gamma", gamma)
        self.shaping = truth("shaping", shaping)
        self.legal_actions: LegalActions = legal_actions
        self.stop_action: StopAction | None = stop_action
        self.rewards = Rewards(
            *(number(f"rewards.{name}", value, -MOST_WEIGHT, MOST_WEIGHT) for name, value in rewards._asdict().items())
        )
        self.n_actions = task.n_actions + int(stop_action is not None)
        """Edits plus, when there is one, the stop action (the last)."""

    def initial(self, instances: Grids) -> PlanStates:
        """First states of episodes on these instances, shape (B, n_cells)."""
        remaining = np.full(len(instances), self.max_edits, np.int32)
        return PlanStates(instances, self.task.initial_plans(instances), remaining)

    def action_mask(self, states: PlanStates) -> NDArray[np.bool_]:
        """Legal actions, shape (B, n_actions)."""
        mask = self.task.action_mask(states.instances, states.plans, self.legal_actions)
        if self.stop_action is None:
            return mask
        return np.concatenate([mask, np.ones((len(mask), 1), np.bool_)], axis=1)

    def check(self, states: PlanStates) -> Checks:
        """The checker on these states."""
        return self.task.check(states.instances, states.plans)

    def transition(self, states: PlanStates, actions: NDArray[np.int64], checks: Checks | None = None) -> Transition:
        """Apply one action in each state.

        Args:
            states: B states, none of them terminal.
            actions: shape (B,), each in [0, n_actions).
            checks: the checker's word on `states` where it is known already, to save its cost.
        """
        stopped, invalid, plans = self._edited(states, actions)
        checks_after = self.task.check(states.instances, plans)
        before = self._scores_before(states, checks)
        remaining = np.empty_like(states.remaining_edits)
        rewards, terminated = np.empty(len(plans)), np.empty(len(plans), np.bool_)
        _outcome(
            states.remaining_edits,
            self._cut(stopped, checks_after),
            checks_after.solved,
            checks_after.score,
            before if self.shaping else None,
            self.gamma,
            self.rewards.success,
            -self.task.max_score,
            remaining,
            rewards,
            terminated,
        )
        if self.rewards.edit or self.rewards.illegal:
            earned = np.where(invalid, self.rewards.illegal, self.rewards.edit)
            rewards += earned if stopped is None else np.where(stopped, 0.0, earned)
        if self.rewards.progress and before is not None:
            rewards += self.rewards.progress * (checks_after.score - before)
        return Transition(PlanStates(states.instances, plans, remaining), rewards, terminated, invalid, checks_after)

    def successors(self, states: PlanStates, checks: Checks | None = None) -> Successors:
        """Apply every legal action in every state, in one batch."""
        rows, actions = np.nonzero(self.action_mask(states))
        if self.shaping or self.rewards.progress:
            known = self.check(states) if checks is None else checks
            checks = known.at(rows)
        return Successors(rows, actions, self.transition(states.at(rows), actions, checks))

    def _scores_before(self, states: PlanStates, checks: Checks | None) -> NDArray[np.float64] | None:
        """The checker's scores of these states, where a reward depends on them."""
        if not self.shaping and not self.rewards.progress:
            return None
        return (self.check(states) if checks is None else checks).score

    def _cut(self, stopped: NDArray[np.bool_] | None, checks: Checks) -> NDArray[np.bool_] | None:
        """Which episodes end before their edits are used up, solved ones apart; None: none can."""
        lost = self.task.lost(checks)
        if stopped is None or self.stop_action != "terminal":
            return lost
        return stopped if lost is None else stopped | lost

    def _edited(
        self, states: PlanStates, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_], Grids]:
        """Which actions stop (None: there is no such action), which are invalid, and the plans afterwards."""
        if self.stop_action is None:
            plans, legal = self.task.edit(states.instances, states.plans, actions, self.legal_actions)
            return None, ~legal, plans
        stopped = actions == self.task.n_actions
        edits = np.where(stopped, 0, actions)
        plans, legal = self.task.edit(states.instances, states.plans, edits, self.legal_actions)
        return stopped, ~(legal | stopped), np.where(stopped[:, None], states.plans, plans)


@kernel()
def _outcome(
    remaining_before: NDArray[np.int32],
    cut: NDArray[np.bool_] | None,
    solved: NDArray[np.bool_],
    score: NDArray[np.float64],
    potential: NDArray[np.float64] | None,
    gamma: float,
    success_reward: float,
    failure_reward: float,
    remaining: NDArray[np.int32],
    rewards: NDArray[np.float64],
    terminated: NDArray[np.bool_],
) -> None:
    """Fill in edits left, rewards and ends after one edit each; `potential` None leaves the shaping out."""
    for b in range(len(remaining)):
        remaining[b] = remaining_before[b] - 1
        ended = remaining[b] <= 0
        if cut is not None:
            ended = ended or cut[b]
        terminated[b] = solved[b] or ended
        rewards[b] = success_reward if solved[b] else failure_reward if ended else 0.0
        if potential is not None:
            rewards[b] += (0.0 if terminated[b] else gamma * score[b]) - potential[b]
