"""What the network of a core is given of a puzzle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from baselines.line import Knowledge

Family = Literal["hindsight", "upi", "trc", "baseline"]
CORE = "policy_kwargs.core."
"""What names of settings of a core start with."""
_KNOWN_BY: Mapping[str, tuple[Knowledge, ...]] = {
    "cells": ("groups",),
    "discovered": ("symbols", "checker"),
    "attention": (),
    "dense": (),
    "certified_dense": (),
}
"""Kind of a core -> what its network is given; that of exact-cover cores is said below."""


def known_by_core(core: Mapping[str, Any], family: Family) -> tuple[Knowledge, ...]:
    """What the network of a core, as JSON, is given of a puzzle; HindsightTRM alone turns states."""
    kind = core.get("kind", "exact_cover")
    turns = family == "hindsight" and kind in ("cells", "attention") and core.get("symmetries", True)
    return (*_KNOWN_BY.get(kind, ("groups", "symbols")), *(("symmetries",) if turns else ()))


def known_with(
    knows: tuple[Knowledge, ...], family: Family, core: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[Knowledge, ...]:
    """What a row is given with other settings: a core of another kind is given more, or less.

    Args:
        knows: what it is given with its own.
        family: of the row.
        core: its core, as JSON.
        settings: by their full names; those of the core count, and they are not checked.
    """
    chosen = {key.removeprefix(CORE): value for key, value in settings.items() if key.startswith(CORE)}
    if not chosen:
        return knows
    old, new = known_by_core(core, family), known_by_core({**core, **chosen}, family)
    return (*new, *(one for one in knows if one not in old and one not in new))
