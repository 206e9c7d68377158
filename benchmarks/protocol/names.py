"""Names of lines: `ROW`, `ROW@SETTING=VALUE`, and either with what is spent at test time.

`+attempts=127` and `+search=100` are solvers. `+views=8` chooses each edit by the mean over 8 symmetric copies of the
state. `+cycles=32` scores the policy at 32 inner steps, whatever number it was trained at; `+starts=32` lets it take 32
passes before its first edit at most.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast, get_args

from baselines import SolverKind

PolicyKind = Literal["cycles", "starts"]
"""What the policy alone may spend at test time: inner steps of a pass, or passes before the first edit."""
TestTime = SolverKind | PolicyKind
"""What a model is scored by at test time."""
OF_POLICIES: tuple[TestTime, ...] = get_args(PolicyKind)
SUFFIX = re.compile(rf"\+({'|'.join((*get_args(SolverKind), *OF_POLICIES))})=([1-9]\d*)$")


class Name(NamedTuple):
    """What a line of a table is called, in its parts."""

    method: str
    """The trained method, with its settings: whose model is scored."""
    solver: TestTime | None = None
    """What solves with the model; None for the policy alone, as it was trained."""
    budget: int = 0
    """Attempts, network calls of a search, views, inner steps of a pass, or starts; 0 for the policy as it is."""

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
