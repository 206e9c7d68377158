"""What is wrong with the hyperparameters of UPITRM, by the kind of its policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trm_agents.common.depths import train_unroll_problems
from trm_agents.common.hyperparameters import not_a_share, not_one_of, not_whole
from trm_agents.survival import EditTarget
from trm_agents.upi_trm.conservative import Distilled, Exact
from trm_agents.upi_trm.policies import TRMPolicy
from trm_agents.upi_trm.targets import KStep


def problems_of_edits(model: Any) -> Iterable[str]:
    """Where the policy is read from the values of all edits."""
    yield from train_unroll_problems(model.train_unroll)
    if not isinstance(model.target, EditTarget):
        yield f"EditPolicy needs target=Survival() or another of all edits, got {model.target}: use TRMPolicy for it"
    if not (model.mixture is None or (isinstance(model.mixture, Exact) and not model.mixture.is_safe)):
        yield f"EditPolicy needs mixture=None or Exact(alpha), got {model.mixture}: its values are its policy"
    if model.carry_unroll is not None:
        yield from (f"{problem}, or None to carry no latent" for problem in not_whole(model, "carry_unroll"))
        if model.mixture is not None:
            yield f"an exact mixture starts from z_0 = 0, got carry_unroll={model.carry_unroll}: leave it at None"
    if model.advantage != "readout" or model.checker_weight:
        yield (
            f"EditPolicy reads its advantage and takes no checker's word, got advantage={model.advantage!r} with "
            f"checker_weight={model.checker_weight}: leave both at None"
        )


def problems_of_heads(model: Any) -> Iterable[str]:
    """Where policy and value have heads of their own."""
    name, modelled = model.policy_class.__name__, issubclass(model.policy_class, TRMPolicy)
    yield from not_a_share(model, "checker_weight")
    if not isinstance(model.target, KStep):
        yield f"{name} needs target=KStep(8), got {model.target}: use EditPolicy for others"
    if model.train_unroll is not None:
        yield f"{name} trains at depth `unroll`, got train_unroll={model.train_unroll}: leave it at None"
    if model.carry_unroll is not None:
        yield f"{name} carries no latent, got carry_unroll={model.carry_unroll}: leave it at None"
    if model.advantage not in ("enumerate", "readout"):
        yield f"advantage must be None, 'enumerate' or 'readout', got {model.advantage!r}"
    if not modelled and (model.advantage == "enumerate" or model.checker_weight):
        yield (
            f"advantage={model.advantage!r} with checker_weight={model.checker_weight} needs a plan-edit environment "
            "and TRMPolicy: leave both at None elsewhere"
        )
    yield from not_one_of(model, "mixture", Distilled, Exact)
    if isinstance(model.mixture, Exact) and model.mixture.is_safe and model.advantage != "enumerate":
        yield f"Exact(SafeStep()) needs advantage='enumerate', got {model.advantage!r}"
