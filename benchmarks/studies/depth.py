"""What happens to an agent that is evaluated at another depth than it was trained at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines import method
from baselines.agents import facing, unrolled
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.rows import Renamed
from benchmarks.protocol.suites import Pool
from trm_agents import HindsightTRM
from trm_agents.common.policy import as_tensors
from trm_agents.recursion.cores.certified import CertifiedExactCoverCore
from trm_agents.theory.clamped import ClampedExactCoverCore
from trm_agents.theory.value_bounds import envelope
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe

DEPTHS = (1, 2, 4, 8, 16, 32)
UNROLL = 2
LIPSCHITZ = 0.9
DIALS = (0.9, 0.7, 0.5, 0.2, 0.02)
"""L_z of the certified variants."""


def depths_for(n: int) -> tuple[int, ...]:
    """Depths that an agent trained at n is evaluated at: n, 2 n and 4 n are among them."""
    return tuple(sorted({*DEPTHS, n, 2 * n, 4 * n}))


def variants() -> list[str]:
    """Rows of `METHODS`: `hindsight_trm` trained at n = 2 with each contraction, with and without the projection."""
    core, ball = "policy_kwargs.core", "@policy_kwargs.radius=null"
    cores = [("clamped", LIPSCHITZ), *(("certified", dial) for dial in DIALS)]
    kinds = ["", *(f"@{core}.kind={kind}@{core}.lipschitz={dial}" for kind, dial in cores)]
    return [f"hindsight_trm@unroll={UNROLL}{kind}{end}" for kind in kinds for end in ("", ball)]


CONTRACTIONS: dict[type, str] = {ClampedExactCoverCore: "clamp", CertifiedExactCoverCore: "certified"}
"""What rows call the contraction of a core; any other has none."""
START_PUZZLES = 64
"""Puzzles whose successors make up B1; B0 takes the whole pool."""
CHUNK = 256


@dataclass(frozen=True)
class DepthRow(Renamed):
    """One model at one depth m, against the depth n that it was trained at, on one set of states."""

    suite: str
    algo: str
    contraction: str
    dial: float
    """L_z that was asked for; inf without a contraction."""
    projection: bool
    seed: int
    steps: int
    states_set: str
    """`B0`: first states of the test puzzles; `B1`: successors of some of them."""
    states: int
    n: int
    m: int
    delta_value: float
    """Mean |U_n - U_m|."""
    value_spread: float
    """Standard deviation of U_n + Phi over the set: what there is to tell apart."""
    delta_policy: float
    """Mean KL(pi_n || pi_m) over legal actions."""
    delta_latent: float
    """Mean |z_n - z_m|, joint L2."""
    agreement: float
    """Share of states with the same greedy action."""
    success: float
    """Test puzzles solved greedily at depth m."""
    puzzles: int
    lipschitz: float
    """Certified L_z; inf where there is none."""
    lipschitz_value: float
    """Certified L_V."""
    first_move: float
    """C_z, the largest on the set."""
    envelope: float
    """L_V C_z L_z^n (1 - L_z^(m-n)) / (1 - L_z), with the smaller depth as n."""
    commit: str
    schema: str = "depth/3"

    @property
    def key(self) -> tuple[str, str, int, int, str, int]:
        """What the row is the measurement of."""
        return self.suite, self.algo, self.seed, self.steps, self.states_set, self.m

    @property
    def relative(self) -> float:
        """Delta_V in units of the spread of V."""
        return self.delta_value / self.value_spread if self.value_spread > 0.0 else 0.0


class Read(NamedTuple):
    """A set of states at all depths."""

    values: NDArray[np.float64]
    """(depths, S)."""
    policies: NDArray[np.float64]
    """(depths, S, A)."""
    greedy: NDArray[np.int64]
    """The greedy action, (depths, S)."""
    distances: NDArray[np.float64]
    """|z_n - z_m|, (depths, S)."""
    first_move: float
    potential: NDArray[np.float64]


def sets_of_states(mdp: PlanEditMDP, puzzles: Pool) -> Mapping[str, PlanStates]:
    """B0 and B1."""
    first = mdp.initial(puzzles.instances)
    made = mdp.successors(first.at(slice(0, START_PUZZLES))).transition
    return {"B0": first, "B1": made.successors.at(~made.terminated)}


def measure(
    model: HindsightTRM, algo: str, puzzles: Pool, about: tuple[str, int, int, str], depths: tuple[int, ...] = DEPTHS
) -> list[DepthRow]:
    """Rows of one model.

    Args:
        model: trained at depth n.
        algo: its row of `METHODS`.
        puzzles: test pool.
        about: suite, seed, steps, commit.
        depths: m, each.
    """
    suite, seed, steps, commit = about
    mdp, policy, n = puzzles.mdp, model.policy, model.unroll
    success = {
        m: evaluate(method(algo).agent(model, mdp, np.random.default_rng(0), m), *puzzles).success for m in depths
    }
    rows = []
    contraction = CONTRACTIONS.get(type(policy.core), "none")
    moduli = policy.core.lipschitz_bound(), policy.value_lipschitz()
    for name, states in sets_of_states(mdp, puzzles).items():
        with facing(model, mdp):
            read = _read(model, states, depths, n)
        own = depths.index(n)
        for index, m in enumerate(depths):
            rows.append(
                DepthRow(
                    suite=suite,
                    algo=algo,
                    contraction=contraction,
                    dial=getattr(policy.core, "lipschitz", inf),
                    projection=policy.evaluator.radius is not None,
                    seed=seed,
                    steps=steps,
                    states_set=name,
                    states=len(states.plans),
                    n=n,
                    m=m,
                    delta_value=float(np.abs(read.values[own] - read.values[index]).mean()),
                    value_spread=float((read.values[own] + read.potential).std()),
                    delta_policy=float(kl(read.policies[own], read.policies[index]).mean()),
                    delta_latent=float(read.distances[index].mean()),
                    agreement=float((read.greedy[own] == read.greedy[index]).mean()),
                    success=success[m],
                    puzzles=len(puzzles.instances),
                    lipschitz=moduli[0],
                    lipschitz_value=moduli[1],
                    first_move=read.first_move,
                    envelope=envelope(moduli[1], read.first_move, moduli[0], min(n, m), max(n, m)),
                    commit=commit,
                )
            )
    return rows


def kl(policy: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL(policy || other) of each state; 0 log 0 counts as 0, and a probability that underflowed as the least float."""
    floor = float(np.finfo(np.float32).tiny)
    ratio = np.log(np.maximum(policy, floor)) - np.log(np.maximum(other, floor))
    # Rounding may leave less than nothing.
    out: NDArray[np.float64] = np.maximum(np.where(policy > 0.0, policy * ratio, 0.0).sum(1), 0.0)
    return out


@torch.no_grad()
def _read(model: HindsightTRM, states: PlanStates, depths: tuple[int, ...], n: int) -> Read:
    policy, mdp = model.policy, model.policy.mdp
    potential = mdp.check(states).score if mdp.shaping else np.zeros(len(states.plans))
    rows = np.array(depths) - 1
    values, distances, policies, greedy, first = [], [], [], [], 0.0
    for begin in range(0, len(potential), CHUNK):
        part = slice(begin, begin + CHUNK)
        seen = as_tensors(dict(observe(states.at(part))), policy.device)
        latents = policy.evaluator.run(policy.inputs(seen), None, max(depths)).latents
        chosen = latents[rows]
        values.append(policy.values_of(chosen, seen, torch.from_numpy(potential[part])).double().numpy())
        distances.append(_norm(chosen - latents[n - 1]).numpy())
        first = max(first, float(_norm(latents[:1]).max()))
        at_depths = []
        for m in depths:
            with unrolled(model, m):
                at_depths.append(policy.action_probabilities(seen))
        greedy.append(np.stack([policy.greedy(chances).numpy() for chances in at_depths]))
        chances = torch.stack(at_depths).double()
        policies.append((chances / chances.sum(2, keepdim=True)).numpy())
    joined = np.concatenate(values, 1), np.concatenate(policies, 1), np.concatenate(greedy, 1)
    return Read(*joined, np.concatenate(distances, 1), first, potential)


def _norm(latents: Tensor) -> Tensor:
    """Joint L2 norm, (k, B, ...) -> (k, B)."""
    out: Tensor = torch.linalg.vector_norm(latents.double().flatten(2), dim=2)
    return out
