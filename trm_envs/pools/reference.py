"""Frozen reference optima of pools of systems: `load_reference(name, split)`; the file's hash is checked.

They are for scoring, and no environment and no agent reads them. `python -m trm_envs.building reference` rebuilds them.
"""

from __future__ import annotations

import hashlib
import io
import json
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs import pools


class Reference(NamedTuple):
    """The best plans known of a pool's split, in the order of its instances."""

    costs: NDArray[np.float64]
    """J*, in the environment's own simulator, shape (B,)."""
    solved: NDArray[np.bool_]
    """Whether the solver has reported an optimum, shape (B,)."""
    stationarity: NDArray[np.float64]
    """Largest entry of the projected gradient of J at the plan, in the environment's own simulator, shape (B,)."""
    plans: NDArray[np.float64]
    """Shape (B, plan_size). Not rounded: played open loop, an unstable system blows up what float32 leaves out."""


@cache
def reference_manifest() -> dict[str, Any]:
    """Return what `reference.json` records: name -> `solver` and `splits` -> file, hashes, count and facts."""
    return dict(json.loads((pools.ROOT / "reference.json").read_text(encoding="utf-8")))


@cache
def load_reference(name: str, split: str) -> Reference:
    """Return the reference optima of one split.

    Args:
        name: a key of `reference_manifest()`.
        split: `validation` or `test`.

    Raises:
        ValueError: for an unknown name or split (names the known ones), or a file that is not the recorded one.
    """
    known = reference_manifest()
    if name not in known:
        raise ValueError(f"there is no reference {name!r}; there are: {', '.join(known)}")
    splits = known[name]["splits"]
    if split not in splits:
        raise ValueError(f"there is no reference of split {split!r} of {name!r}, only of {', '.join(splits)}")
    entry = splits[split]
    data = (pools.ROOT / "reference" / entry["file"]).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"{entry['file']} has sha256 {found}, reference.json records {entry['sha256']}: reinstall the package, or "
            f"rebuild the file with: python -m trm_envs.building reference --name {name}"
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        fields: dict[str, NDArray[Any]] = {field: arrays[field] for field in Reference._fields}
    for values in fields.values():
        # One object serves all callers of this process.
        values.setflags(write=False)
    return Reference(**fields)
