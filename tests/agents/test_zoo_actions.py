"""Shipped agents of version 0.1 choose the actions that version 0.1 chose with the same weights.

`data/zoo_old_actions.npz` holds, for some test puzzles of each agent (NAME/rows), the greedy actions of its policy with
the attempts that it made by itself then (NAME/attempts/actions, -1 after an episode's end) and without them
(NAME/policy/actions), and which puzzles they solved. It had no starts then, and attempts with these settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.protocol.suites import pool, suite
from trm_agents import Attempts, HindsightTRM, Refinements, zoo
from trm_envs.plan_edit.spaces import observe

RECORDED = np.load(Path(__file__).parent / "data" / "zoo_old_actions.npz")
ROUNDED = 0.03
"""Share of the actions that another processor may round to others: on one, 5 of 226 differ in one maze's attempts."""
ATTEMPTS: dict[str, dict[str, Any]] = {
    "upi-trm-maze-15x15": {"attempts": 511, "unroll": 100, "by": Refinements(7), "carry_unroll": 72},
    "upi-trm-sudoku-9x9": {"attempts": 128, "unroll": 120},
}
OLD = sorted({key.partition("/")[0] for key in RECORDED})


class Shipped(NamedTuple):
    """An agent and the puzzles that it was recorded on."""

    model: HindsightTRM
    mdp: Any
    instances: Any
    solver: Any
    """With the attempts that it made by itself, or None."""


@pytest.fixture(name="shipped", scope="module", params=OLD)
def loaded(request) -> tuple[str, Shipped]:
    card = zoo.card(request.param)
    about = suite(card.suite)
    test = pool(about.env_id, about.env_kwargs, "test")
    model = zoo.load(card.name, device="cpu")
    model.policy.starts = None
    solver = Attempts(model, **ATTEMPTS[card.name]) if card.name in ATTEMPTS else None
    return card.name, Shipped(model, test.mdp, test.instances[RECORDED[f"{card.name}/rows"]], solver)


def differing(agent, shipped: Shipped, actions) -> tuple[int, Any]:
    """How many actions differ where the recorded ones are played, and which puzzles those solve."""
    states, alive, state, wrong = shipped.mdp.initial(shipped.instances), np.arange(len(actions)), None, 0
    solved = np.zeros(len(actions), np.bool_)
    for step in range(actions.shape[1]):
        if not len(alive):
            break
        chosen, state = agent.predict(observe(states), state, deterministic=True)
        recorded = actions[alive, step].astype(np.int64)
        wrong += int((chosen != recorded).sum())
        move = shipped.mdp.transition(states, recorded)
        solved[alive] = move.checks.solved
        on = np.flatnonzero(~move.terminated)
        alive, states = alive[on], move.successors.at(on)
        state = None if state is None else tuple(part[on] for part in state)
    return wrong, solved


def test_every_agent_of_version_0_1_was_recorded_and_is_shipped():
    assert [name for name in zoo.names() if zoo.card(name).algo == "hindsight_trm"] == OLD


def test_the_policy_alone_acts_as_the_old_policy_without_attempts(shipped):
    name, agent = shipped
    actions = RECORDED[f"{name}/policy/actions"]
    wrong, solved = differing(agent.model, agent, actions)
    assert wrong <= ROUNDED * (actions >= 0).sum() > 0
    assert np.array_equal(solved, RECORDED[f"{name}/policy/solved"])


def test_attempts_act_and_solve_as_the_old_policy_with_attempts(shipped):
    name, agent = shipped
    actions, expected = RECORDED[f"{name}/attempts/actions"], RECORDED[f"{name}/attempts/solved"]
    wrong, solved = differing(agent.solver or agent.model, agent, actions)
    assert wrong <= ROUNDED * (actions >= 0).sum() > 0
    assert np.array_equal(solved, expected)
    if agent.solver is not None:
        assert np.array_equal(agent.solver.solve(agent.instances).solved, expected)
