"""Value targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trm_agents.common.hyperparameters import negative, not_whole
from trm_agents.survival import EditTarget

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class KStep:
    """The value target of the paper: K-step returns of the deployed policy, bootstrapped with U_n.

    Args:
        horizon: K, at least 1.
        vf_coef: weight of the value loss, not negative.
    """

    horizon: int = 8
    vf_coef: float = 10.0

    def __post_init__(self) -> None:
        if problems := [*not_whole(self, "horizon"), *negative(self, "vf_coef")]:
            raise ValueError(f"KStep: {'; '.join(problems)}")


Target = KStep | EditTarget


def k_step_targets(
    rewards: Floats, terminated: Flags, truncated: Flags, next_values: Floats, gamma: float, horizon: int
) -> Floats:
    """K-step returns sum_{k<K} gamma^k r_{t+k} + gamma^K U(s_{t+K}) along a rollout.

    A segment that is cut short by a truncation or by the end of the rollout after k < K steps bootstraps there, with
    gamma^k; nothing is bootstrapped past a terminal.

    Args:
        rewards: r_t, shape (T, n_envs).
        terminated: whether step t ended its episode for good, shape (T, n_envs).
        truncated: whether step t ended it early, shape (T, n_envs).
        next_values: U(s_{t+1}) of the state that step t led to (before any reset), shape (T, n_envs).
        gamma: discount.
        horizon: K >= 1.

    Returns:
        Targets of U(s_t), shape (T, n_envs), float64.
    """
    bootstrap = np.where(terminated, 0.0, next_values)
    targets: Floats = rewards + gamma * bootstrap
    for _ in range(min(horizon, len(rewards)) - 1):
        following = np.concatenate([targets[1:], bootstrap[-1:]])
        targets = rewards + gamma * np.where(terminated | truncated, bootstrap, following)
    return targets
