"""Frozen, hashed pools of instances of puzzles and systems with train, validation and test splits.

`load(pool, split)` returns the instances as lines of text; `manifest()` lists the pools with their hashes and facts.
`python -m trm_envs.building build` rebuilds the files from their seeds, and `python -m trm_envs.building verify` checks
every shipped instance again. `trm_envs.pools.reference` has the reference optima of the systems.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["load", "manifest"]

ROOT = Path(__file__).parent


@cache
def manifest() -> dict[str, Any]:
    """Return what `manifest.json` records: pool name -> `seed` and `splits` -> file, sha256 hashes, count and facts."""
    return dict(json.loads((ROOT / "manifest.json").read_text(encoding="utf-8")))


@cache
def load(pool: str, split: str) -> tuple[str, ...]:
    """Return the instances of one split of a pool, one line of text each; the file's hash is checked.

    Args:
        pool: name of a pool, a key of `manifest()`.
        split: `train`, `validation` or `test`.

    Raises:
        ValueError: for an unknown pool or split (names the known ones), or a file that is not the recorded one.
    """
    pools = manifest()
    if pool not in pools:
        raise ValueError(f"unknown pool {pool!r}; known pools: {', '.join(pools)}")
    splits = pools[pool]["splits"]
    if split not in splits:
        raise ValueError(f"unknown split {split!r} of pool {pool!r}; known splits: {', '.join(splits)}")
    entry = splits[split]
    data = (ROOT / "data" / entry["file"]).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"{entry['file']} has sha256 {found}, the manifest records {entry['sha256']}: reinstall the package, "
            f"or rebuild the file with: python -m trm_envs.building build --pool {pool}"
        )
    return tuple(gzip.decompress(data).decode("ascii").splitlines())
