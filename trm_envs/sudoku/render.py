"""How a Sudoku plan looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def text(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
    """Placeholder drawing."""
    size = int(len(plan) ** 0.5)
    return "\n".join(" ".join(str(d) if d else "." for d in row) for row in plan.reshape(size, size))


def image(instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Placeholder drawing."""
    size = int(len(plan) ** 0.5)
    return np.repeat(plan.reshape(size, size, 1).astype(np.uint8) * 12, 3, axis=2)
