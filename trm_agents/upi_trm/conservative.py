"""The conservative step pi_new = (1 - alpha) pi + alpha pi_cand, distilled into the network or deployed exactly."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from torch import Tensor

from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.evaluation import Evaluation
from trm_agents.upi_trm.policies import UPIPolicy
from trm_agents.upi_trm.safe_step import sampled_step


class Step(NamedTuple):
    """The length of a conservative step."""

    alpha: float
    bound: float
    """Estimated lower bound on what it gains, where that chose it; else nan."""
    queries: int
    """Successors enumerated to choose it."""


def _checked(alpha: float) -> None:
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must be within [0, 1], got {alpha}")


@dataclass(frozen=True)
class SafeStep:
    """Choose alpha where a lower bound on the improvement, estimated from the rollout, is largest.

    It enumerates the rollout's successors a second time; docs/theory.md says what of the bound is certain.
    """


@dataclass(frozen=True)
class Distilled:
    """Fit the network to the mixture itself, and deploy the network.

    Args:
        alpha: within [0, 1].
    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        _checked(self.alpha)

    @property
    def capacity(self) -> None:
        """Snapshots that are deployed: none."""
        return None

    @property
    def is_safe(self) -> bool:
        """Whether a bound chooses alpha."""
        return False

    def target(self, policy: Tensor, candidate: Tensor) -> Tensor:
        """What the network is fitted to, (B, n_actions)."""
        return improvement.mixture(policy, candidate, self.alpha)

    def step(self, policy: UPIPolicy, evaluation: Evaluation, gamma: float) -> Step:
        """The step from the rollout's policy to the network as it is fitted by now."""
        return Step(self.alpha, nan, 0)


@dataclass(frozen=True)
class Exact:
    """Fit the network to the candidate, and deploy the mixture of weighted snapshots.

    Args:
        alpha: within [0, 1], or `SafeStep()`.
        capacity: how many snapshots are kept, at least 2; the lightest expires into the newest. With a constant alpha
            that moves the policy by a total variation of (1 - alpha)^capacity at most.
    """

    alpha: float | SafeStep = 0.3
    capacity: int = 16

    def __post_init__(self) -> None:
        if not isinstance(self.alpha, SafeStep):
            _checked(self.alpha)
        if self.capacity < 2:
            raise ValueError(f"capacity must be at least 2, got {self.capacity}")

    @property
    def is_safe(self) -> bool:
        """Whether a bound chooses alpha."""
        return isinstance(self.alpha, SafeStep)

    def target(self, policy: Tensor, candidate: Tensor) -> Tensor:
        """What the network is fitted to, (B, n_actions)."""
        return candidate

    def step(self, policy: UPIPolicy, evaluation: Evaluation, gamma: float) -> Step:
        """The step from the rollout's policy to the network as it is fitted by now."""
        if not isinstance(self.alpha, SafeStep):
            return Step(self.alpha, nan, 0)
        sampled, queries = sampled_step(policy, evaluation, gamma)
        return Step(*sampled.best(), queries)


Mixture = Distilled | Exact
