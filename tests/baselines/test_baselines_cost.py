"""What acts and solvers say that they have cost, against the passes that networks have made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_helpers import ENV_ID, STEPS, problem_states, small
from stable_baselines3.common.base_class import BaseAlgorithm

from baselines import METHODS, SolverKind
from baselines.agents import recursive_networks


def counted(model: BaseAlgorithm) -> list[tuple[int, int]]:
    """(states, inner steps) of every pass of a recursive core from now on; lists grow as passes are made."""
    seen: list[tuple[int, int]] = []
    for network in recursive_networks(model):

        def counting(injection: Any, latent: Any, steps: int, *rest: Any, unroll: Any = network.core.unroll) -> Any:
            out = unroll(injection, latent, steps, *rest)
            seen.append((out.latents.shape[1], steps))
            return out

        network.core.unroll = counting  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize(
    ("name", "depths"),
    [
        ("hindsight_trm", [4, 4]),
        ("hindsight_trm@unroll=5@carry_unroll=2", [5, 2]),
        ("upi_trm@unroll=3", [3, 3]),
        ("trm_dqn", [4, 4]),
        ("ppo", [0, 0]),
    ],
)
def test_a_policy_pays_one_call_an_edit_and_its_depth(name: str, depths: list[int]) -> None:
    """What an act says that it has cost, against the passes that the networks have made."""
    model = METHODS[name].make(ENV_ID, {}, 0)
    mdp, states = problem_states()
    agent, passes = METHODS[name].agent(model, mdp, np.random.default_rng(0)), counted(model)
    agent.begin()
    for depth in depths:
        passes.clear()
        agent.act(states)
        assert agent.spent is not None
        assert [part.tolist() for part in agent.spent] == [[1] * 6, [depth] * 6, [0] * 6]
        assert passes == ([(6, depth)] if depth else [])
    # A new episode starts from z_0 = 0 again.
    agent.begin()
    agent.act(states)
    assert agent.spent.inner_steps.tolist() == [depths[0]] * 6


def test_an_exact_mixture_pays_a_call_for_each_snapshot_with_weight() -> None:
    model = small("upi_trm-exact").learn(3 * STEPS)
    mdp, states = problem_states()
    agent, passes = METHODS["upi_trm-exact"].agent(model, mdp, np.random.default_rng(0)), counted(model)
    agent.act(states)
    assert agent.spent is not None and len(passes) > 1
    assert agent.spent.network_calls.tolist() == [len(passes)] * 6
    assert agent.spent.inner_steps.tolist() == [sum(steps for _, steps in passes)] * 6


def test_with_auto_each_state_pays_the_inner_steps_that_it_takes() -> None:
    name = "hindsight_trm-certified"
    model = small(name).learn(STEPS)
    mdp, states = problem_states()
    agent = METHODS[name].agent(model, mdp, np.random.default_rng(0), "auto", 1e-3)
    agent.act(states)
    assert agent.spent is not None and agent.spent.network_calls.tolist() == [1] * 6
    together = agent.spent.inner_steps
    for row in range(6):
        agent.act(states.at(np.array([row])))
        assert agent.spent.inner_steps.tolist() == [together[row]]
    assert together.min() >= 1 and (model.policy.unroll, model.policy.depth.unroll) == (8, 8)  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "budget"), [("attempts", 5), ("search", 20)])
def test_solvers_of_a_row_solve_with_the_depth_and_the_rules_they_are_given(kind: SolverKind, budget: int) -> None:
    model = small("hindsight_trm").learn(STEPS)
    mdp, states = problem_states("consistent")
    passes = counted(model)
    solver = METHODS["hindsight_trm"].solver(model, mdp, ENV_ID, kind, budget, unroll=2)
    found = solver.solve(states.instances)
    assert found.calls.sum() > 0
    assert sum(count * steps for count, steps in passes) == found.inner_steps.sum()
    solved = mdp.task.check(states.instances, found.plans).solved
    assert np.array_equal(solved, found.solved) or kind == "search"
    own: Any = model.policy
    assert own.unroll == 4 and own.mdp.legal_actions == "givens"
