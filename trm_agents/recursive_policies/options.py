"""The words of a recursive policy: keywords of `policy_kwargs`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from trm_agents.recursion import Inject, Mixer
from trm_envs.instances.numbers import number, real, share, truth, whole

Readout = Literal["pool", "cells", "agent"]
Exchange = Mixer | Literal["exact_cover"]
Halting = Literal["settle", "learned"]

_WORDS = {
    "inject": get_args(Inject),
    "mixer": (*get_args(Mixer), "exact_cover"),
    "readout": get_args(Readout),
    "halting": get_args(Halting),
}
_LOCAL = ("neighbours", "exact_cover")
_MAY_BE_NONE = ("max_cycles", "gradient_cycles")

MORE_CYCLES = 4
"""Times `k_cycles` that settling takes at most, by default."""


@dataclass(frozen=True)
class Options:
    """What a recursive policy is made of.

    Args:
        k_cycles: K, inner steps of a pass.
        h_dim: channels of h, the level that sees the whole.
        l_dim: channels of l, the level that works on each token.
        n_h_layers: layers of a cycle at the level of h; with a local mixer a change spreads so many cells a cycle.
        n_l_layers: layers of a cycle at the level of l.
        carry: whether l goes on from cycle to cycle; h always does.
        inject: whether the observation enters in `every` cycle, or `once`, in the first.
        mixer: how the cells of a grid exchange what they hold: `neighbours`, `conv`, `attention` or `mlp`. None makes
            one token of the whole observation. With `exact_cover` a cycle is a step of the compiled core of UPITRM,
            with h_dim channels and one token a cell, in place of the two levels; it reads what does not change.
        maxima: share of the channels of which cells hear maxima over their neighbours in place of sums, within [0, 1];
            for the mixers `neighbours` and `exact_cover`.
        readout: what the heads read: the mean and the maximum over the tokens (`pool`), the cell of each edit
            (`cells`), or the cell where the agent stands and its four neighbours (`agent`). None: `cells` for edits of
            a plan, `agent` for moves on a plan, else `pool`.
        action_conditioning: whether the previous action is an input; observations need a `previous_action`.
        deep_supervision: let every cycle learn, late ones more: cycle i = 0, 1, ... has the weight 1 + 0.1 i.
        gradient_cycles: gradients flow through so many of the last cycles of a pass, and deep supervision is of these;
            None: through all. For policies that are trained at many depths (`VaryDepth`).
        halting: None takes K cycles. With `settle`, `predict` unrolls each state until its latent changes by less than
            `settle_below`. With `learned`, each cycle has a probability of being the last one; the policy is the
            mixture of its cycles, and `predict` stops a state where its probability of having halted reaches one half.
        settle_below: change of a latent over its norm.
        max_cycles: cycles that settling takes at most; None: four times `k_cycles`.
        ponder_cost: cost of a learned pass that takes all K cycles, added to the loss in proportion to the expected
            number of cycles. TRPO differentiates no loss of its own, so leave it at 0 there.
        ema: decay of a running average of the weights, which `predict` then uses; None predicts with the weights as
            they are.
        groups: cells of each group by kind, as `PlanTask.groups`, for `mixer="neighbours"`; None: four neighbours.

    Raises:
        ValueError: a number is outside its range, a word is unknown, or something is neither True nor False.
    """

    k_cycles: int = 3
    h_dim: int = 64
    l_dim: int = 32
    n_h_layers: int = 2
    n_l_layers: int = 1
    carry: bool = False
    inject: Inject = "every"
    mixer: Exchange | None = None
    maxima: float = 0.0
    readout: Readout | None = None
    action_conditioning: bool = False
    deep_supervision: bool = False
    gradient_cycles: int | None = None
    halting: Halting | None = None
    settle_below: float = 0.01
    max_cycles: int | None = None
    ponder_cost: float = 0.0
    ema: float | None = None
    groups: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name, words in _WORDS.items():
            word = getattr(self, name)
            optional = name != "inject"
            if not (isinstance(word, str) and word in words) and not (optional and word is None):
                or_none = " or None" if optional else ""
                raise ValueError(f"{name} must be one of {', '.join(map(repr, words))}{or_none}, got {word!r}")
        for name in ("k_cycles", "h_dim", "l_dim", "n_h_layers", "n_l_layers", *_MAY_BE_NONE):
            if (given := getattr(self, name)) is not None or name not in _MAY_BE_NONE:
                self._keep(name, whole(name, given, 1))
        for name in ("carry", "action_conditioning", "deep_supervision"):
            self._keep(name, truth(name, getattr(self, name)))
        self._keep("settle_below", number("settle_below", self.settle_below, sys.float_info.min))
        self._keep("ponder_cost", number("ponder_cost", self.ponder_cost, 0.0))
        if self.ema is not None and not 0.0 < real(self.ema) < 1.0:
            raise ValueError(f"ema must be within (0, 1) or None, got {self.ema!r}")
        self._keep("maxima", share("maxima", self.maxima))
        if self.maxima and self.mixer not in _LOCAL:
            raise ValueError(
                f"maxima={self.maxima} is for the mixers {' and '.join(map(repr, _LOCAL))}, not for {self.mixer!r}: "
                "leave it out"
            )
        if self.mixer == "exact_cover" and (self.carry or self.inject != "every" or self.n_h_layers != 1):
            raise ValueError(
                "mixer='exact_cover' has one layer, which the observation enters in every cycle: leave out "
                "carry and inject, and set n_h_layers=1"
            )
        if self.deep_supervision and self.halting == "learned":
            raise ValueError("halting='learned' weighs the cycles itself: leave out deep_supervision")
        if self.gradient_cycles is not None and (self.inject == "once" or self.halting == "learned"):
            raise ValueError(
                "gradient_cycles cuts off the first cycles, in which inject='once' reads the observation, and which "
                "halting='learned' weighs: leave it out, or them"
            )

    def _keep(self, name: str, value: Any) -> None:
        """A number or truth value of Python's in place of NumPy's, which PyTorch does not take everywhere."""
        object.__setattr__(self, name, value)

    @property
    def most_cycles(self) -> int:
        """Cycles that settling takes at most."""
        return MORE_CYCLES * self.k_cycles if self.max_cycles is None else self.max_cycles


def cycle_weights(cycles: int) -> list[float]:
    """Share of each cycle in what is learned with deep supervision; they sum to one."""
    weights = [1.0 + 0.1 * cycle for cycle in range(cycles)]
    return [weight / sum(weights) for weight in weights]


NAMES = tuple(field.name for field in fields(Options))


def taken(keywords: dict[str, Any]) -> dict[str, Any]:
    """The options among keywords, taken out of them."""
    return {name: keywords.pop(name) for name in NAMES if name in keywords}
