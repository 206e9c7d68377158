"""Hyperparameters, checked: what each part of an iteration depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.upi_trm.policies import TRMPolicy

if TYPE_CHECKING:
    from trm_agents.upi_trm.upi_trm import UPITRM

Target = Literal["k_step", "hindsight"]
Advantage = Literal["enumerate", "readout"]
Conservative = Literal["distill", "exact"]
StepSize = float | Literal["safe"]
Unroll = int | Literal["auto"]

AUTO_DEPTH = 8
"""Inner steps while learning with `unroll="auto"`."""


@dataclass(frozen=True)
class Dials:
    """What an iteration on K-step targets depends on; see `UPITRM` for each."""

    gamma: float
    bootstrap_horizon: int
    advantage: Advantage
    prior: float
    beta: float
    mixture_alpha: StepSize
    conservative: Conservative
    value_coef: float
    deep_supervision: bool
    n_epochs: int
    batch_size: int
    max_grad_norm: float


@dataclass(frozen=True)
class HindsightDials:
    """What an iteration on hindsight targets depends on; see `UPITRM` for each."""

    batch_size: int
    min_unroll: int
    max_unroll: int
    backprop_steps: int
    deep_supervision: bool
    ema_decay: float
    max_grad_norm: float
    replay_ratio: float
    right_weight: float
    learning_starts: int
    search_instances: int
    search_budget: int
    search_solutions: int


def dials_of(model: UPITRM) -> Dials:
    """Check the hyperparameters and fill in the defaults that depend on the policy.

    Raises:
        ValueError: hyperparameters are outside their range or do not go together.
    """
    hindsight, modelled = model.target == "hindsight", issubclass(model.policy_class, TRMPolicy)
    advantage: Advantage = model.advantage or ("enumerate" if modelled and not hindsight else "readout")
    prior = (1.0 if hindsight else 0.5 if modelled else 0.0) if model.prior is None else model.prior
    default_beta = 10.0 if hindsight else 4.0 if advantage == "enumerate" else 1.0
    beta = default_beta if model.beta is None else model.beta
    n = model.training_unroll
    checks = {
        "target must be 'k_step' or 'hindsight'": model.target in ("k_step", "hindsight"),
        "target='hindsight' needs RepairPolicy (TRMPolicy will do), and 'k_step' any other policy": hindsight
        == issubclass(model.policy_class, RepairPolicy),
        "target='hindsight' reads its policy: leave advantage and conservative at their defaults": not hindsight
        or (advantage, model.conservative) == ("readout", "distill"),
        "carried_unroll needs target='hindsight' and latent='persistent', and at least 1": model.carried_unroll is None
        or (hindsight and model.latent == "persistent" and model.carried_unroll >= 1),
        "n_steps must be at least 1": model.n_steps >= 1,
        "unroll must be at least 1 or 'auto'": model.unroll == "auto" or (not isinstance(model.unroll, str) and n >= 1),
        "unroll='auto' needs contraction='certified' and lipschitz < 1": model.unroll != "auto"
        or (model.contraction == "certified" and model.lipschitz < 1.0),
        "batch_size must be at least 1": model.batch_size >= 1,
        "bootstrap_horizon must be at least 1": model.bootstrap_horizon >= 1,
        "mixture_alpha must be within [0, 1] or 'safe'": model.mixture_alpha == "safe"
        or (not isinstance(model.mixture_alpha, str) and 0.0 <= model.mixture_alpha <= 1.0),
        "mixture_alpha='safe' needs conservative='exact' and advantage='enumerate'": model.mixture_alpha != "safe"
        or (model.conservative, advantage) == ("exact", "enumerate"),
        "prior must be within [0, 1]": 0.0 <= prior <= 1.0,
        "beta must be positive": beta > 0.0,
        "prior_steps must be at least 1": model.prior_steps >= 1,
        "replay_ratio must be positive": model.replay_ratio > 0.0,
        "right_weight must be positive": model.right_weight > 0.0,
        "learning_starts must be within [1, buffer_size]": 1 <= model.learning_starts <= model.buffer_size,
        "min_unroll must be within [1, unroll]": model.min_unroll is None or 1 <= model.min_unroll <= n,
        "max_unroll must be at least unroll": model.max_unroll is None or model.max_unroll >= n,
        "backprop_steps must be at least 1": model.backprop_steps is None or model.backprop_steps >= 1,
        "search_instances and search_budget must not be negative": min(model.search_instances, model.search_budget)
        >= 0,
        "search_solutions must be at least 1": model.search_solutions >= 1,
        "ema_decay must be within [0, 1)": 0.0 <= model.ema_decay < 1.0,
        "advantage must be None, 'enumerate' or 'readout'": advantage in ("enumerate", "readout"),
        "conservative must be 'distill' or 'exact'": model.conservative in ("distill", "exact"),
        "advantage='enumerate' and prior > 0 need a plan-edit environment and TRMPolicy": modelled
        or (advantage == "readout" and prior == 0.0),
    }
    wrong = [message for message, holds in checks.items() if not holds]
    if wrong:
        raise ValueError("; ".join(wrong))
    if modelled and model.mdp is not None and model.mdp.shaping and model.gamma != model.mdp.gamma:
        raise ValueError(
            f"gamma={model.gamma} is not the environment's shaping discount {model.mdp.gamma}: pass the same to both"
        )
    return Dials(
        model.gamma,
        model.bootstrap_horizon,
        advantage,
        prior,
        beta,
        model.mixture_alpha,
        model.conservative,
        model.value_coef,
        model.deep_supervision,
        model.n_epochs,
        model.batch_size,
        model.max_grad_norm,
    )


def hindsight_dials_of(model: UPITRM) -> HindsightDials:
    """What an iteration on hindsight targets depends on."""
    deepest = model.training_unroll if model.max_unroll is None else model.max_unroll
    return HindsightDials(
        model.batch_size,
        model.training_unroll if model.min_unroll is None else model.min_unroll,
        deepest,
        deepest if model.backprop_steps is None else model.backprop_steps,
        model.deep_supervision,
        model.ema_decay,
        model.max_grad_norm,
        model.replay_ratio,
        model.right_weight,
        model.learning_starts,
        model.search_instances,
        model.search_budget,
        model.search_solutions,
    )
