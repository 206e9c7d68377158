"""The policy of the hindsight target: read off a repair network, action by action."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from trm_agents.common.action_values import enumerated
from trm_agents.common.policy import Latent
from trm_agents.recursion import Core, RepairCommittee, RepairNetwork, Tokens, repair_network
from trm_agents.recursion import decoding as reading
from trm_agents.solving.attempts import Tries, seen_states
from trm_agents.upi_trm.improvement import centred, masked_log_softmax
from trm_agents.upi_trm.policies import TRMPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids

TIE = 1e-5
"""Edits whose gains differ by less, in units of one edit, are equally good: rounding hides what symmetry makes so."""


class RepairPolicy(TRMPolicy):
    """pi(a|s) proportional to exp(beta A(s, a)), A read from one forward pass, in units of one edit.

    A repair network gives p(a|s), the probability that edit a writes what belongs into its cell c, and with it
    q(c|s), the probability that the cell is right as it is. After a, the plan is expected to be p - q edits nearer to a
    solved one: A(s, a) = p(a|s) - q(c|s), up to a constant a state. To first order in 1 - gamma this is the advantage
    of the hindsight return gamma^m over the m edits of the repair. Edits that change nothing have no probability:
    they leave a policy without memory where it is, one edit poorer.

    Several networks may form a committee, whose probabilities are averaged. They are trained apart, each on what it has
    solved itself: it is what they do not share that lets them differ.

    What is deployed is an average of the weights over the training steps. It collects experience too, so that what is
    learned from are its own mistakes, but from z_0 = 0 in every state. A persistent latent, which remembers what the
    plans before have led to, is for the deployed policy: it gets out of cycles of edits, which is not what experience
    is short of. Of a committee one member acts in each environment, as in bootstrapped DQN (Osband et al. 2016):
    together they collect, and are trained, at the cost of one network.

    Where first states are hard, a latent may settle on a plan that is wrong. With `restarts` the deployed policy thinks
    a first state over, from one latent after the other, until the checker calls solved the plan that is read from it.
    A latent that the checker has agreed with is not thought further as long as it does: what is known is written.

    Args:
        args, mdp, width, kwargs: as `TRMPolicy`.
        hidden: H, hidden channels of the core; 2 d by default.
        beta: inverse temperature.
        readout_steps: inner steps, counted from the last, whose probabilities are averaged.
        tokens: `candidates`, a token for each (cell, symbol), treats all symbols alike; `cells`, a token for each cell,
            does not, and learns that they are from states turned by symmetries that the task declares.
        augment: turn the states that are trained on; by default with `cells` alone.
        members: networks of the committee; 1 is a single network.
        restarts: other latents that an episode's first state may start from: each is tried where none before has led
            to a solved plan, unless the network has no clue at all. Where none does, the one of least `doubt` is gone
            on from. A try asks the model once, and so does every state. The deployed latent is carried then, even if
            `latent` is `episodic` and says how the network is trained.
        restart_unroll: inner steps of each try, z_0 = 0 included.
        refinements: tries in a row, after each that is shown the state itself, that are shown what the one before has
            read as if it had been written: all of it, and half of its cells, in turn. What is wrong with a plan may be
            plainer to see than what is right.
        guess_unroll: where above 0, other tries are shown guesses instead of the state itself: 1, 2, 4 or 8 doubtful
            cells, in turn, written by chance, by the probabilities after so many inner steps from z_0 = 0. Half of
            these tries start from z_0 = 0 as well. All that is trained on starts there: in long training, latents
            from other points may come to lead nowhere.
    """

    network: RepairNetwork | RepairCommittee  # type: ignore[assignment]
    averaged: RepairNetwork | RepairCommittee

    def __init__(
        self,
        *args: Any,
        mdp: PlanEditMDP | None,
        width: int = 16,
        hidden: int | None = None,
        beta: float = 10.0,
        readout_steps: int = 1,
        tokens: Tokens = "candidates",
        augment: bool | None = None,
        members: int = 1,
        restarts: int = 0,
        restart_unroll: int = 120,
        refinements: int = 0,
        guess_unroll: int = 0,
        **kwargs: Any,
    ) -> None:
        if members < 1:
            raise ValueError(f"members must be at least 1, got {members}")
        if restarts < 0 or restart_unroll < 1:
            raise ValueError(f"restarts={restarts} of restart_unroll={restart_unroll} steps: at least 0 of at least 1")
        for name, value in (("refinements", refinements), ("guess_unroll", guess_unroll)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        self.members = members
        self.restarts, self.restart_unroll = restarts, restart_unroll
        self.refinements, self.guess_unroll = refinements, guess_unroll
        self.hidden, self.beta, self.readout_steps, self.tokens = hidden, beta, readout_steps, tokens
        self.augment = tokens == "cells" if augment is None else augment
        self.calls = 0
        """States that the deployed network has been asked about to predict; a try is one more."""
        self.prior = 0.0
        """rho, the share of the behaviour's advantage that is the one-step checker's."""
        super().__init__(*args, mdp=mdp, width=width, **kwargs)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)

    def _build(self, dials: dict[str, Any]) -> RepairNetwork | RepairCommittee:  # type: ignore[override]
        assert self.mdp is not None
        chosen = {key: dials[key] for key in ("width", "unroll", "radius", "contraction", "lipschitz")}
        networks = [
            repair_network(self.mdp, hidden=self.hidden, tokens=self.tokens, **chosen) for _ in range(self.members)
        ]
        return networks[0] if len(networks) == 1 else RepairCommittee(networks)

    @property
    def core(self) -> Core:
        """The core that is deployed, that of the averaged weights."""
        return self.averaged.core

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the deployed weights towards the latest ones: theta <- decay theta + (1 - decay) theta_latest."""
        for mean, latest in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(latest, 1.0 - decay)

    def hit_probabilities(
        self, observation: PyTorchObs, latent: Tensor | None = None, member: int | None = None
    ) -> Tensor:
        """Ask the deployed network, or one member of it, for p: how likely each edit writes what belongs into its cell.

        Shape (B, n_cells, n_symbols); the latent, where one is given, is that of whom is asked.
        """
        asked = self.averaged if member is None else self.averaged.members[member]
        return asked.hits(observation, latent, self.readout_steps)[0]

    def _ask(self, observation: PyTorchObs, latent: Tensor | None) -> tuple[Tensor, Tensor]:
        """Probabilities p of the deployed network, and the latent to go on from: empty where none is carried."""
        assert isinstance(observation, dict)
        if self.restarts:
            tries = self._tries()
            found = tries.go_on(observation, tries.best(observation, latent), self.readout_steps)
            self.calls += tries.calls
            self.queries += tries.queries
            return found
        self.calls += len(observation["plan"])
        hits, last = self.averaged.hits(observation, latent, self.readout_steps)
        return hits, last if self.latent == "persistent" else hits.new_zeros(len(hits), 0)

    def _in_turn(self, observation: PyTorchObs) -> Tensor:
        """As `hit_probabilities`, but state i asks member i, modulo their number, alone."""
        assert isinstance(observation, dict) and self.mdp is not None
        count, task = len(observation["plan"]), self.mdp.task
        hits = torch.empty(count, task.n_cells, task.n_symbols, device=self.device)
        for member in range(min(self.members, count)):
            rows = slice(member, None, self.members)
            hits[rows] = self.hit_probabilities({key: value[rows] for key, value in observation.items()}, None, member)
        return hits

    def _tries(self) -> Tries:
        assert self.mdp is not None
        settings = self.restarts, self.restart_unroll, self.refinements, self.guess_unroll
        return Tries(self.averaged, self.mdp, *settings)

    def guess(self, observation: PyTorchObs, attempts: Sequence[int]) -> Grids:
        """The plans that are read from latents of `restart_unroll` inner steps, (B, n_cells), int8.

        Args:
            observation: of B states.
            attempts: which start each latent has, B numbers: 0 for z_0 = 0, another for a point of its own.
        """
        assert isinstance(observation, dict)
        return self._tries().guess(observation, attempts)

    def _states(self, observation: PyTorchObs) -> PlanStates:
        assert isinstance(observation, dict)
        return seen_states(observation)

    def _gains(self, hits: Tensor, states: PlanStates) -> Tensor:
        """Gain p - q of every action, (B, n_actions): erasing hits nothing, and stopping changes nothing."""
        assert self.mdp is not None
        right = reading.right(self.mdp, hits, states)
        blocks = [(hits - right[:, :, None]).flatten(1)]
        if self.mdp.task.can_erase:
            blocks.append(-right)
        if self.mdp.stop_action is not None:
            blocks.append(torch.zeros_like(right[:, :1]))
        return torch.cat(blocks, dim=1)

    def _choices(self, states: PlanStates) -> Tensor:
        """Which actions have any probability, (B, n_actions)."""
        assert self.mdp is not None
        mask = self.mdp.action_mask(states)
        unchanged = reading.unchanged(self.mdp, states).reshape(len(mask), -1)
        useful = mask.copy()
        useful[:, : unchanged.shape[1]] &= ~unchanged
        # Where nothing else is legal, an edit that changes nothing has to do.
        return torch.from_numpy(np.where(useful.any(1, keepdims=True), useful, mask)).to(self.device)

    def _policy(self, gains: Tensor, choices: Tensor) -> Tensor:
        return torch.where(choices, masked_log_softmax(self.beta * gains, choices).exp(), 0.0)

    def greedy(self, policy: Tensor) -> Tensor:
        """The first of the actions that are the best but for `TIE`, (B, n_actions) -> (B,)."""
        best = policy.amax(1, keepdim=True)
        return (policy >= best * exp(-self.beta * TIE)).int().argmax(1)

    def action_probabilities(self, observation: PyTorchObs, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The deployed pi(a|s), shape (B, n_actions), and the latent that the next state may go on from."""
        states = self._states(observation)
        hits, carried = self._ask(observation, latent)
        return self._policy(self._gains(hits, states), self._choices(states)), carried

    def behaviour(self, observation: PyTorchObs, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The policy that collects experience: the deployed one, leaning on the checker by `prior`.

        It carries no latent, and asks one member of a committee a state: state i the i-th, modulo their number.
        """
        assert self.mdp is not None
        states = self._states(observation)
        gains = self._gains(self._in_turn(observation), states)
        if self.prior > 0.0:
            checker = enumerated(self.mdp, states, self.mdp.check(states), None, 1.0)
            self.queries += checker.queries
            gains = (1.0 - self.prior) * gains + self.prior * torch.from_numpy(checker.q).to(self.device)
        return self._policy(gains, self._choices(states)), gains.new_zeros(len(gains), 0)

    @property
    def carries(self) -> bool:
        """See `RecursivePolicy`; what an episode's first state has led to is carried as well."""
        return super().carries or self.restarts > 0

    @property
    def collects_from(self) -> Latent:
        """See `RecursivePolicy`."""
        return "episodic"

    def advantages(self, observation: PyTorchObs) -> Tensor:
        """A(s, a) in units of one edit, exactly centred under the deployed policy, (B, n_actions)."""
        states = self._states(observation)
        gains, choices = self._gains(self.hit_probabilities(observation), states), self._choices(states)
        return centred(gains, self._policy(gains, choices), choices)

    def values(self, observation: PyTorchObs, potential: Tensor, latent: Tensor | None = None) -> Tensor:
        """U_n(s) = gamma^(m - 1) - Phi(s), with m the expected number of cells that are not right, shape (B,)."""
        return self._values_of(self.hit_probabilities(observation, latent), self._states(observation)) - potential

    @property
    def evaluator(self) -> RepairNetwork | RepairCommittee:  # type: ignore[override]
        """The deployed average."""
        return self.averaged

    def values_of(self, latents: Tensor, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U(s) read from latents of each state, (k, B, ...) -> (k, B)."""
        states = self._states(observation)
        depths = self.averaged.probabilities(self.averaged.logits(latents, observation))
        return torch.stack([self._values_of(hits, states) for hits in depths]) - potential

    def value_lipschitz(self) -> float:
        """L_V of U = gamma^(m - 1) - Phi, by the chain rule.

        |dU/dm| <= |ln gamma|, as m >= 1 there. m sums 1 - q(c) over editable cells, and q(c) is a softmax's probability
        of one symbol, whose gradient p (e - p) is no longer than sqrt(2) / 4, or one minus a sigmoid, whose slope is at
        most 1/4. Logits read each token with the same weights w, so those of all cells move by at most |w| |z - z'| in
        the Euclidean norm, and a sum over cells is sqrt(n_cells)-Lipschitz in what it sums. Holds for the value read
        from one inner step; with `readout_steps` > 1 the hits are averaged, and the bound holds for the mean of
        |z_{n-i} - z_{m-i}| over these.
        """
        return self._lipschitz_of(self.averaged)

    def _lipschitz_of(self, network: Any) -> float:
        assert self.mdp is not None
        if self.mdp.gamma == 0.0:
            return inf
        task = self.mdp.task
        slope = (sqrt(2.0) if task.n_symbols > 1 else 1.0) / 4.0
        steepness: float = network.logit_lipschitz()
        return abs(log(self.mdp.gamma)) * slope * sqrt(task.n_cells) * steepness

    def _values_of(self, hits: Tensor, states: PlanStates) -> Tensor:
        """Gamma^(m - 1), with m the expected number of editable cells that are not right, shape (B,)."""
        assert self.mdp is not None
        wrong = reading.expected_repairs(self.mdp, hits, states)
        value: Tensor = self.mdp.gamma ** (wrong.clamp_min(1.0) - 1.0)
        return value

    def _get_constructor_parameters(self) -> dict[str, Any]:
        names = ("hidden", "beta", "readout_steps", "tokens", "augment", "members")
        tries = ("restarts", "restart_unroll", "refinements", "guess_unroll")
        return {**super()._get_constructor_parameters(), **{name: getattr(self, name) for name in (*names, *tries)}}
