"""The policy of HindsightTRM: read off a plan decoder, action by action."""

from __future__ import annotations

from math import inf, log, sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.checker_values import enumerated
from trm_agents.common.decoder_policy import DecoderPolicy
from trm_agents.solving import Starts, decoding
from trm_agents.solving.solver import Tally
from trm_agents.solving.starts import carried


class Behaviour(NamedTuple):
    """The policy that collects experience."""

    probabilities: Tensor
    """pi(a|s), (B, n_actions)."""
    queries: int
    """Successors enumerated for it through the model."""


class TokenPolicy(DecoderPolicy):
    """pi(a|s) proportional to exp(beta A(s, a)), A read from one forward pass, in units of one edit.

    The network gives p(a|s), the probability that edit a writes what belongs into its cell c, and with it q(c|s), the
    probability that the cell is right as it is. After a, the plan is expected to be p - q edits nearer to a solved one:
    A(s, a) = p(a|s) - q(c|s), up to a constant a state. To first order in 1 - gamma this is the advantage of the
    hindsight return gamma^m over the m edits that are left. Edits that change nothing have no probability: they leave
    the plan as it is, one edit poorer.

    What is deployed is an average of the weights over the training steps. It collects experience too, so that the
    mistakes that are learned from are its own, but from z_0 = 0 in every state: a carried latent, which gets out of
    cycles of edits, is for the deployed policy alone. So are its `starts`.

    Args:
        args, kwargs: as `DecoderPolicy`.
        starts: how it settles on a plan before its first edit; None: by one pass from z_0 = 0.
    """

    def __init__(self, *args: Any, starts: Starts | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.starts = starts
        self._spent: Tally | None = None

    @property
    def spent(self) -> Tally | None:
        """Passes and inner steps that each of the last states took; None without `starts`: all states take the same."""
        return None if self.starts is None else self._spent

    @property
    def carries(self) -> bool:
        """See `DecoderPolicy`."""
        return super().carries or self.starts is not None

    def carried(self, observation: PyTorchObs, latent: Tensor | None, first: Tensor | None = None) -> Tensor:
        """See `DecoderPolicy`; with `starts`, a latent that is sure of its plan goes on as it is."""
        if self.starts is None:
            return super().carried(observation, latent, first)
        states = self._states(observation)
        starting = np.full(len(states.plans), latent is None)
        if first is not None:
            starting |= first.cpu().numpy()
        latents, self._spent = carried(self, self.mdp, states, self.starts, latent, starting)
        return latents

    def behaviour(self, observation: PyTorchObs, checker_weight: float) -> Behaviour:
        """The policy that collects experience: the deployed one from z_0 = 0, leaning on the checker.

        Args:
            observation: of B states.
            checker_weight: rho, the share of the advantage that is the one-step checker's, within [0, 1].
        """
        states = self._states(observation)
        gains, queries = decoding.gains(self.mdp, self.edit_probabilities(observation), states), 0
        if checker_weight > 0.0:
            checker = enumerated(self.mdp, states, self.mdp.check(states), None, 1.0)
            queries = checker.queries
            gains = (1.0 - checker_weight) * gains + checker_weight * torch.from_numpy(checker.q).to(self.device)
        allowed = torch.from_numpy(decoding.choices(self.mdp, states)).to(self.device)
        return Behaviour(decoding.softmax_policy(gains, allowed, self.beta), queries)

    def values_of(self, latents: Tensor, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U(s) = gamma^(m - 1) - Phi(s), m the expected number of cells that are not right, (k, B, ...) -> (k, B)."""
        states, depths = self._states(observation), self.averaged.probabilities(latents, observation)
        wrong = torch.stack([decoding.expected_edits(self.mdp, probabilities, states) for probabilities in depths])
        value: Tensor = self.mdp.gamma ** (wrong.clamp_min(1.0) - 1.0)
        return value - potential

    def value_lipschitz(self) -> float:
        """L_V of U = gamma^(m - 1) - Phi, by the chain rule.

        |dU/dm| <= |ln gamma|, as m >= 1 there. m sums 1 - q(c) over editable cells, and q(c) is a softmax's probability
        of one symbol, whose gradient p (e - p) is no longer than sqrt(2) / 4, or one minus a sigmoid, whose slope is at
        most 1/4. Logits read each token with the same weights w, so those of all cells move by at most |w| |z - z'| in
        the Euclidean norm, and a sum over cells is sqrt(n_cells)-Lipschitz in what it sums.
        """
        if self.mdp.gamma == 0.0:
            return inf
        task = self.mdp.task
        slope = (sqrt(2.0) if task.n_symbols > 1 else 1.0) / 4.0
        return abs(log(self.mdp.gamma)) * slope * sqrt(task.n_cells) * self.averaged.logit_lipschitz()

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "starts": self.starts}
