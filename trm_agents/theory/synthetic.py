"""A random MDP with a contracting recursion as its evaluator: the theory where nothing is learned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trm_agents.theory.exact import policy_value
from trm_agents.theory.tabular import DenseMDP, Floats
from trm_agents.theory.value_checks import Depths, Evaluator


class Synthetic(NamedTuple):
    """An MDP, a policy, and an evaluator of it."""

    mdp: DenseMDP
    policy: Floats
    evaluator: Evaluator


def synthetic(
    rng: np.random.Generator,
    lipschitz: float,
    depth: int,
    *,
    states: int = 64,
    actions: int = 4,
    gamma: float = 0.9,
    width: int = 8,
    noise: float = 0.1,
) -> Synthetic:
    """Draw an MDP and the recursion z <- L_z O z + b(s) from z_0 = 0, with O orthogonal; U = w z + c.

    Every step shrinks distances by exactly L_z, so the bounds meet their own worst case. The fixed point is chosen so
    that U_inf = V^pi + noise: the noise is what is left as residual.

    Args:
        rng: draws everything.
        lipschitz: L_z, below 1.
        depth: largest depth; values start at depth 0.
        states: S.
        actions: A.
        gamma: discount.
        width: entries of z.
        noise: standard deviation of U_inf - V^pi over states.
    """
    transitions = rng.dirichlet(np.full(states, 0.1), (states, actions))
    mdp = DenseMDP(transitions, rng.uniform(-1.0, 1.0, (states, actions)), gamma, rng.dirichlet(np.ones(states)))
    policy = rng.dirichlet(np.ones(actions), states)
    limit = policy_value(mdp, policy) + noise * rng.standard_normal(states)
    readout = rng.standard_normal(width)
    offset = float(limit.mean())
    # The fixed point of least norm with w z = U_inf - c, and a part that w does not see.
    unseen = rng.standard_normal((states, width))
    unseen -= np.outer(unseen @ readout, readout) / (readout @ readout)
    fixed = np.outer(limit - offset, readout) / (readout @ readout) + 0.1 * unseen
    rotation, _ = np.linalg.qr(rng.standard_normal((width, width)))
    shift = fixed - lipschitz * fixed @ rotation.T
    latents = [np.zeros((states, width))]
    for _ in range(depth):
        latents.append(lipschitz * latents[-1] @ rotation.T + shift)
    path = np.stack(latents)
    moves = np.linalg.norm(np.diff(path, axis=0), axis=2)
    depths = Depths(path @ readout + offset, moves, 0.0)
    return Synthetic(mdp, policy, Evaluator(depths, depth, lipschitz, float(np.linalg.norm(readout)), None))
