"""Instances of systems as lines of text: numbers with a fixed number of decimals, separated by blanks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trm_envs.continuous.task import Numbers

DECIMALS = 6
"""Usual number of decimals of shipped and generated instances; two that agree in them are the same."""


def format_instances(instances: Numbers, decimals: int = DECIMALS) -> list[str]:
    """One line an instance; `parse_instances` gives back the numbers as they were rounded."""
    # Adding 0 turns -0 into 0.
    return [" ".join(f"{value:.{decimals}f}" for value in row) for row in np.round(instances, decimals) + 0.0]


def parse_instances(lines: Sequence[str], size: int, name: str = "instances") -> Numbers:
    """The instances of lines of text, shape (len(lines), size).

    Raises:
        ValueError: a line does not hold `size` finite numbers.
    """
    instances = np.empty((len(lines), size))
    for number, line in enumerate(lines):
        try:
            values = [float(word) for word in line.split()]
        except ValueError as error:
            raise ValueError(f"{name}, line {number + 1}: {error}") from None
        if len(values) != size or not np.isfinite(values).all():
            raise ValueError(f"{name}, line {number + 1}: expected {size} finite numbers, got {line!r}")
        instances[number] = values
    return instances
