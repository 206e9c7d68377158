"""The hash by which results name the instances that they were measured on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pool_hash(instances: NDArray[Any]) -> str:
    """SHA-256 of a pool: its shape, then its cells or numbers in order."""
    kind = "<f8" if instances.dtype.kind == "f" else "i1"
    array = np.ascontiguousarray(instances, kind)
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
