"""Value targets of all edits that survival is compared with: what else a value of an edit can be."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf

import numpy as np

from trm_agents.common.hyperparameters import not_whole
from trm_agents.survival import Drawn, EditTarget, Labels
from trm_agents.survival.targets import SAMPLED_WEIGHT, Valued, optimistic, refused


@dataclass(frozen=True)
class Outcome(EditTarget):
    """The return of the edit taken, 1 where its episode ends solved: Monte Carlo, or K-step with a bootstrap.

    Args:
        anchor, anchored, first_states, alive_weight, exploration: as `EditTarget`.
        steps: K, steps after which sum_a pi(a|s) w(s, a) stands for the rest of the episode; None waits for its end.
    """

    steps: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps is not None and (problems := list(not_whole(self, "steps"))):
            raise ValueError(f"Outcome: {'; '.join(problems)}")

    @property
    def horizon(self) -> int:
        """How many steps later `Taken.later` is."""
        return self.steps or 1

    def labels(self, drawn: Drawn, policy: Valued, rng: np.random.Generator, progress: float) -> Labels:
        """Labels of the edits taken, beside the checker's zeros."""
        assert drawn.taken is not None
        actions, left, won, later = drawn.taken
        said, rows, goes_on = refused(drawn.states, policy.cover), np.arange(len(actions)), left > (self.steps or inf)
        returns = won.astype(np.float32)
        if goes_on.any():
            returns[goes_on] = policy.expected_values(later.at(goes_on))
        said.label[rows, actions] = returns
        said.weight[rows, actions] = SAMPLED_WEIGHT
        return optimistic(said, self.alive_weight)


@dataclass(frozen=True)
class CostToGo(EditTarget):
    """The number of edits still to go after the edit taken, by temporal differences: a sum over cells.

    C(s) = sum over editable cells of 1 - q(c|s), q the share of what is written there (0 for a blank); edit a lowers it
    by p(a|s) - q(c|s). The target of C(s, a) is 1 + min over a' of C(s', a'), 0 after the last edit of a solved plan.
    """

    @property
    def horizon(self) -> int:
        """How many steps later `Taken.later` is."""
        return 1

    def labels(self, drawn: Drawn, policy: Valued, rng: np.random.Generator, progress: float) -> Labels:
        """Costs of the edits taken, beside the checker's zeros."""
        assert drawn.taken is not None
        going = drawn.taken.left > 1
        costs = np.where(drawn.taken.won, np.float32(0.0), np.float32(np.nan))
        if going.any():
            costs[going] = 1.0 + policy.least_costs(drawn.taken.later.at(going))
        return refused(drawn.states, policy.cover)._replace(costs=costs)


@dataclass(frozen=True)
class Violations(EditTarget):
    """No value of an edit: the shares of symbols in their cells are to violate no constraint.

    The loss, weighted by `anchor`, is on all states, dead ones too: the mean over constraints of (sum over the options
    of the constraint of their shares - 1)^2, where a written cell has a share of 1. Nothing else is learned from. It is
    the loss by which ConsFormer (Xu et al. 2025, arXiv:2502.15794) learns that as many cells as symbols differ.
    """

    relaxes = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in fields(EditTarget):
            given = getattr(self, field.name)
            if field.name in ("anchored", "alive_weight") and given != field.default:
                raise ValueError(f"Violations: no state is labelled or promised to be solvable: leave {field.name} out")

    def labels(self, drawn: Drawn, policy: Valued, rng: np.random.Generator, progress: float) -> Labels:
        """No label."""
        said = refused(drawn.states, policy.cover)
        return said._replace(weight=np.zeros_like(said.weight))
