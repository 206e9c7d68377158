"""Model files of version 0.1, where one class had both algorithms, as files of today: weights unchanged.

`python -m trm_agents.zoo.conversion OLD.zip NEW.zip` writes a slim file: settings and weights, nothing of the training.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from trm_agents.common.files import is_old, read_members, refuse_damaged
from trm_agents.common.model_files import read_model
from trm_agents.common.saving import write_atomically
from trm_agents.hindsight import TokenPolicy
from trm_agents.presets import built
from trm_agents.upi_trm import MlpPolicy, MultiInputPolicy, TRMPolicy
from trm_agents.zoo.slimming import NEEDED, packed

_SHARED = ("learning_rate", "n_steps", "batch_size", "gamma", "deep_supervision", "max_grad_norm", "stats_window_size")
_HINDSIGHT = {
    "replay_ratio": "train_ratio",
    "right_weight": "solved_cell_weight",
    "buffer_size": "buffer_size",
    "learning_starts": "min_buffer_size",
    "prior_steps": "checker_steps",
    "ema_decay": "ema_decay",
}
_UPI_TRM = {
    "n_epochs": "n_epochs",
    "advantage": "advantage",
    "beta": "beta",
    "prior": "checker_weight",
}
_ATTEMPTS = ("restarts", "restart_unroll", "refinements", "guess_unroll")
_GONE = {"readout_steps": 1, "members": 1, "hidden": None}
"""Settings of policies that are gone, and their values in files that can be converted."""
_POLICIES = {cls.__name__: cls for cls in (TRMPolicy, MlpPolicy, MultiInputPolicy)}


class Converted(NamedTuple):
    """A converted file."""

    content: bytes
    attempts: dict[str, Any]
    """Keywords of `Attempts`, as JSON, where the old policy made attempts by itself; else empty."""


def converted(source: Path) -> Converted:
    """A model file of version 0.1 as a slim file of today.

    Raises:
        ValueError: the file is damaged, or none of version 0.1, or has a setting that no longer exists.
    """
    refuse_damaged(source)
    raw = json.loads(read_members(source, "data").get("data", b"null"))
    if not isinstance(raw, dict) or not is_old(raw):
        raise ValueError(f"{source.name} is not of version 0.1: there is nothing to convert")
    policy_class = _class_name(raw["policy_class"])
    # Everything else may name classes that have moved.
    old, parameters, _ = read_model(source, replaced=raw.keys() - _KEYS)
    policy_kwargs = dict(old.get("policy_kwargs") or {})
    attempts = _attempts(policy_kwargs)
    if attempts and old.get("latent") != "persistent":
        # A policy that made attempts carried its latent from then on.
        attempts["carry_unroll"] = old["unroll"]
    for name, value in _GONE.items():
        if policy_kwargs.pop(name, value) != value:
            raise ValueError(f"{source.name} has policy_kwargs[{name!r}], which no longer exists: use version 0.1")
    policy_kwargs.pop("augment", None)
    hindsight = old["target"] == "hindsight"
    if not hindsight and old.get("latent") == "persistent":
        raise ValueError(f"{source.name} carries its latent, which UPITRM no longer does: use version 0.1")
    keywords = {key: old[key] for key in _SHARED if key in old}
    keywords |= _of_hindsight(old) if hindsight else _of_upi_trm(old)
    keywords["policy_kwargs"] = _recursion(old, policy_kwargs, dense=policy_class in ("MlpPolicy", "MultiInputPolicy"))
    data = {key: old[key] for key in NEEDED if key in old} | built(keywords)
    data["policy_class"] = TokenPolicy if hindsight else _POLICIES[policy_class]
    data["unroll"] = old["unroll"] if isinstance(old["unroll"], int) else 8
    return Converted(packed(data, parameters), attempts)


_KEYS = {
    *NEEDED, *_SHARED, *_HINDSIGHT, *_UPI_TRM, "policy_kwargs", "target", "unroll", "min_unroll", "max_unroll",
    "backprop_steps", "latent", "carried_unroll", "mixture_alpha", "conservative", "mixture_capacity", "contraction",
    "lipschitz", "radius", "search_instances", "search_budget", "search_solutions", "bootstrap_horizon", "value_coef",
} - {"policy_class"}  # fmt: skip


def _class_name(policy_class: dict[str, Any]) -> str:
    """The class that SB3 has pickled, told by how it describes its constructor: `<function NAME.__init__ at ...>`."""
    return str(policy_class.get("__init__", "")).removeprefix("<function ").partition(".")[0]


def _attempts(policy_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take the settings of attempts out of `policy_kwargs`."""
    restarts, unroll, refinements, guess_unroll = (policy_kwargs.pop(name, None) for name in _ATTEMPTS)
    if not restarts:
        return {}
    by = {"kind": "restarts"}
    if guess_unroll:
        by = {"kind": "guesses", "early_unroll": guess_unroll}
    elif refinements:
        by = {"kind": "refinements", "in_a_row": refinements}
    return {"attempts": restarts, "unroll": unroll or 120, "by": by}


def _of_hindsight(old: dict[str, Any]) -> dict[str, Any]:
    keywords = {new: old[name] for name, new in _HINDSIGHT.items() if name in old}
    n = old["unroll"] if isinstance(old["unroll"], int) else 8
    low, high = old.get("min_unroll") or n, old.get("max_unroll") or n
    keywords["train_unroll"] = [low, high, old.get("backprop_steps") or high]
    if old.get("latent") == "persistent":
        keywords["carry_unroll"] = old.get("carried_unroll") or n
    if old.get("beta") is not None:
        keywords["beta"] = old["beta"]
    if old.get("search_instances"):
        names = {"instances": "search_instances", "calls": "search_budget", "solutions": "search_solutions"}
        keywords["search"] = {new: old[name] for new, name in names.items()}
    return keywords


def _of_upi_trm(old: dict[str, Any]) -> dict[str, Any]:
    keywords = {new: old[name] for name, new in _UPI_TRM.items() if old.get(name) is not None}
    names = {"horizon": "bootstrap_horizon", "vf_coef": "value_coef"}
    keywords["target"] = {new: old[name] for new, name in names.items() if old.get(name) is not None}
    if old["conservative"] == "exact":
        keywords["mixture"] = {"kind": "exact", "alpha": old["mixture_alpha"], "capacity": old["mixture_capacity"]}
    else:
        keywords["mixture"] = {"kind": "distilled", "alpha": old["mixture_alpha"]}
    return keywords


def _recursion(old: dict[str, Any], policy_kwargs: dict[str, Any], dense: bool) -> dict[str, Any]:
    kept = {**policy_kwargs, "radius": old.get("radius", 10.0)}
    if old.get("contraction", "none") != "none":
        kind = {"certified": "certified_dense" if dense else "certified", "clamp": "clamped"}[old["contraction"]]
        kept["core"] = {"kind": kind, "lipschitz": old["lipschitz"]}
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trm_agents.zoo.conversion", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args(arguments)
    done = converted(options.old)
    write_atomically(options.new, done.content)
    if done.attempts:
        print(f"its policy made attempts by itself; now: Attempts(model, ...) with {json.dumps(done.attempts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
