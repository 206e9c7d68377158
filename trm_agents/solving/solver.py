"""What every solver takes and gives: a policy that decodes plans, instances in, plans and their cost out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trm_agents.solving.expansion import Proposal
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Grids

Counts = NDArray[np.int64]


class Solutions(NamedTuple):
    """What became of each of n instances, and what it cost."""

    plans: Grids
    """The solved plan, or the last plan that was made, shape (n, n_cells), int8."""
    solved: NDArray[np.bool_]
    """Whether the checker calls the plan solved, shape (n,)."""
    edits: Counts
    """Edits that lead from the first plan to this one; an unsolved instance counts with its whole budget. (n,)."""
    calls: Counts
    """Network calls, shape (n,)."""
    inner_steps: Counts
    """Inner steps of the recursion over all calls, shape (n,)."""
    checks: Counts
    """Plans that the checker or the rules judged, shape (n,)."""


class Solver(Protocol):
    """Spends test-time compute on instances."""

    def solve(self, instances: Grids, budget: int | None = None) -> Solutions:
        """Look for a solved plan of each instance.

        Args:
            instances: shape (n, n_cells), int8.
            budget: most network calls an instance; None: as many as the solver takes by itself.
        """
        ...


class Decoder(Protocol):
    """A recursive network that edit probabilities are read from."""

    @property
    def radius(self) -> float | None:
        """R of the projection of latents; None: there is none."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one state's latent."""
        ...

    def last(self, observation: Any, latent: Tensor | None = None, unroll: int | None = None) -> Tensor:
        """Latents after `unroll` inner steps from these latents (None: zero), shape (B, ...)."""
        ...

    def probabilities(self, latents: Tensor, observation: Any) -> Tensor:
        """Edit probabilities of latents (kept, B, ...): (kept, B, n_cells, n_symbols)."""
        ...


class DecodingPolicy(Protocol):
    """A policy whose network decodes whole plans, as `TokenPolicy` does."""

    mdp: PlanEditMDP
    beta: float
    """Inverse temperature of the policy that is read from edit probabilities."""
    carry_unroll: int | None
    """Inner steps from a carried latent; None: the policy carries none."""
    alike: bool
    """Whether the network knows that all symbols are alike, and so is wired by the groups."""

    @property
    def decoder(self) -> Decoder:
        """The network that is deployed."""
        ...

    def proposal(self, latents: Tensor, observation: Any) -> Proposal:
        """What a search is guided by, read from latents of B states."""
        ...

    @property
    def unroll(self) -> int:
        """Inner steps of a pass from z_0 = 0."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...


def policy_of(model: Any) -> DecodingPolicy:
    """The policy of a model, ready to be asked.

    Args:
        model: a `HindsightTRM`, or any SB3 model whose policy is a `DecodingPolicy`.

    Raises:
        ValueError: its policy decodes no plans.
    """
    policy: Any = getattr(model, "policy", model)
    if not hasattr(policy, "decoder"):
        raise ValueError(
            f"{type(policy).__name__} decodes no plans, so no solver can use it: train a HindsightTRM with "
            "TokenPolicy, or use this model's predict alone"
        )
    policy.set_training_mode(False)
    found: DecodingPolicy = policy
    return found


def tensors_of(states: PlanStates, device: torch.device) -> dict[str, Tensor]:
    """The observation of a batch of states, as tensors."""
    return {key: torch.as_tensor(value, device=device) for key, value in observe(states).items()}


def read(policy: DecodingPolicy, latents: Tensor, observation: dict[str, Tensor]) -> Tensor:
    """Edit probabilities of one latent a state, (B, n_cells, n_symbols)."""
    return policy.decoder.probabilities(latents[None], observation)[0]


@dataclass(frozen=True)
class Tally:
    """What a solver has spent on each of n instances so far, shape (n,) each."""

    calls: Counts
    inner_steps: Counts
    checks: Counts

    @classmethod
    def of(cls, count: int) -> Tally:
        """Nothing yet."""
        return cls(*np.zeros((3, count), np.int64))

    def call(self, rows: NDArray[np.int64], unroll: int) -> None:
        """One network call of `unroll` inner steps for each of these instances."""
        self.calls[rows] += 1
        self.inner_steps[rows] += unroll
