"""What a training run has cost beside environment steps: gradient steps and model queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

COUNTS = ("num_timesteps", "gradient_steps_done", "model_queries")
"""Attributes in which models keep what they have cost; not all models have all of them."""


def count_gradient_steps(model: BaseAlgorithm) -> None:
    """Count every optimiser step of an SB3 model from now on, in `model.gradient_steps_done`; ours count themselves.

    The count is an ordinary attribute, so that SB3's `save` keeps it; the hook is not, so call this again after
    `load` (`Method.load` does). SB3's own `_n_updates` counts epochs for PPO. An actor and its critic step
    together, and count once.
    """
    counted: Any = model
    counted.gradient_steps_done = getattr(model, "gradient_steps_done", 0)

    def count(*_: Any) -> None:
        counted.gradient_steps_done += 1

    optimizers(model)[0].register_step_post_hook(count)


def optimizers(model: BaseAlgorithm) -> list[Any]:
    """The optimisers of a policy's weights: its only one, or those of its actor and of its critic."""
    policy: Any = model.policy
    only = getattr(policy, "optimizer", None)
    return [policy.actor.optimizer, policy.critic.optimizer] if only is None else [only]


def gradient_steps(model: BaseAlgorithm) -> int:
    """Optimiser steps that the model has made since it was made, those before a save included.

    Raises:
        ValueError: the model was not made or loaded by a row of `baselines`.
    """
    if not hasattr(model, "gradient_steps_done"):
        raise ValueError(
            "this model does not count its gradient steps: make or load it by its row of baselines.METHODS"
        )
    return int(model.gradient_steps_done)


def model_queries(model: BaseAlgorithm) -> int:
    """Successors that the model has enumerated through the MDP; 0 for an algorithm that only calls `env.step`."""
    return int(getattr(model, "model_queries", 0))


def parameters(model: BaseAlgorithm) -> int:
    """Parameters that the optimiser trains: target networks and snapshots are not counted."""
    groups = (group for optimizer in optimizers(model) for group in optimizer.param_groups)
    return sum(parameter.numel() for group in groups for parameter in group["params"])
