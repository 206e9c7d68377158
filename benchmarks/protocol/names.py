"""Names of lines: `ROW`, `ROW@SETTING=VALUE`, and either with what is spent at test time.

`+attempts=127` and `+search=100` are solvers. `+views=8` chooses each edit by the mean over 8 symmetric copies of the
state. `+cycles=32` scores the policy at 32 inner steps, whatever number it was trained at.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

from baselines import SolverKind

TestTime = SolverKind | Literal["cycles"]
"""What a model is scored by at test time: a solver, or its policy at another depth."""
SUFFIX = re.compile(r"\+(attempts|search|views|cycles)=([1-9]\d*)$")


class Name(NamedTuple):
    """What a line of a table is called, in its parts."""

    method: str
    """The trained method, with its settings: whose model is scored."""
    solver: TestTime | None = None
    """What solves with the model; None for the policy alone, as it was trained."""
    budget: int = 0
    """Attempts, network calls of a search, views, or inner steps of a pass; 0 for the policy alone."""

    @property
    def row(self) -> str:
        """The row of `METHODS`, without settings."""
        return self.method.partition("@")[0]

    @property
    def settings(self) -> str:
        """`unroll=2@width=8`: what differs from the row; empty for the row itself."""
        return self.method.partition("@")[2]

    @property
    def unchanged(self) -> str:
        """The line of the row itself, with the same solver: what a variant is compared with."""
        return str(self._replace(method=self.row))

    def __str__(self) -> str:
        return self.method if self.solver is None else f"{self.method}+{self.solver}={self.budget}"


def named(algo: str) -> Name:
    """The parts of a line's name; what is no solver belongs to the method."""
    found = SUFFIX.search(algo)
    return Name(algo) if found is None else Name(algo[: found.start()], cast(TestTime, found[1]), int(found[2]))
