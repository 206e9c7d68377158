"""What a search asks of a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.agents import facing, unrolled
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trm_agents.solving import Guesser, Proposer
    from trm_envs.plan_edit.task import Grids


def proposer_of(name: str, model: BaseAlgorithm, mdp: PlanEditMDP, unroll: int | None = None) -> Proposer:
    """The proposer of a trained model.

    Args:
        name: the model's row of `METHODS`.
        model: from `baselines.make` or `baselines.load`.
        mdp: the MDP that states will belong to.
        unroll: inner steps n of a recursive network, in place of those it was trained with.

    Raises:
        ValueError: the model cannot be searched with.
    """
    from trm_agents.solving import policy_proposer

    try:
        ask = policy_proposer(model.policy)
    except ValueError as error:
        raise ValueError(f"a model of {name!r} cannot be searched with: {error}") from None

    def propose(states: PlanStates) -> NDArray[np.floating]:
        with unrolled(model, unroll), facing(model, mdp):
            return ask(states)

    return propose


def guesser_of(model: BaseAlgorithm, mdp: PlanEditMDP) -> Guesser | None:
    """The guesser of a trained model, None where it has none.

    Args:
        model: from `baselines.make` or `baselines.load`.
        mdp: the MDP that states will belong to.
    """
    from trm_agents.solving import policy_guesser

    ask = policy_guesser(model.policy)
    if ask is None:
        return None

    def guess(states: PlanStates, attempts: NDArray[np.int64]) -> Grids:
        with facing(model, mdp):
            return ask(states, attempts)

    return guess
