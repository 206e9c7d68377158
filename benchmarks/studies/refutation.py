"""What a learned survival value knows of first states: how many dead edits it catches, how many alive ones it kills."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_agents.survival.refutations import refuted_at
from trm_agents.upi_trm import EditPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids
from trm_envs.sudoku.solver import count_solutions, solve
from trm_envs.sudoku.task import SudokuTask

ALIVE, NEVER = "alive", "never"
BANDS: dict[str, tuple[int, int]] = {"1": (1, 1), "2": (2, 2), "3-4": (3, 4), "5-8": (5, 8), "9-": (9, 10**6)}
"""Kinds of dead edits, by the round that refutes them, first and last; those of no round are `NEVER`."""
KINDS = (ALIVE, *BANDS, NEVER)
CHUNK = 128
"""States a network call."""


def kinds(mdp: PlanEditMDP, instances: Grids) -> dict[str, NDArray[np.bool_]]:
    """Legal edits of the first states by kind, (B, T) each.

    A solver tells which are alive: this is for analysis alone.

    Raises:
        ValueError: the puzzle is not Sudoku, or an instance has not exactly one solution.
    """
    cover = mdp.task.cover
    if not isinstance(mdp.task, SudokuTask) or cover is None:
        raise ValueError(f"there is a solver for Sudoku alone, not for {type(mdp.task).__name__}")
    if (several := count_solutions(instances, limit=2) != 1).any():
        raise ValueError(f"{int(several.sum())} of {len(instances)} puzzles have not exactly one solution")
    solutions, _ = solve(instances)
    size = mdp.task.n_symbols
    plans = mdp.initial(instances).plans
    rounds = refuted_at(plans, cover)
    right = (solutions[:, :, None] == np.arange(1, size + 1)).reshape(rounds.shape)
    legal = mdp.task.action_mask(instances, plans, "consistent")[:, : rounds.shape[1]]
    legal &= np.repeat(plans == 0, size, axis=1)
    dead = legal & ~right
    bands = {name: dead & (rounds >= low) & (rounds <= high) for name, (low, high) in BANDS.items()}
    return {ALIVE: legal & right, **bands, NEVER: dead & (rounds == 0)}


def measure(policy: EditPolicy, instances: Grids, of: dict[str, NDArray[np.bool_]]) -> dict[str, tuple[int, int]]:
    """Edits of each kind, and how many of them the policy believes dead.

    Args:
        policy: has values of all edits.
        instances: shape (B, n_cells), int8.
        of: their edits by kind, as `kinds` gives them.
    """
    states = policy.mdp.initial(instances)
    rows = [slice(begin, begin + CHUNK) for begin in range(0, len(instances), CHUNK)]
    dead = np.concatenate([policy.edit_values(states.at(part)) for part in rows]) < 0.5
    return {kind: (int(chosen.sum()), int((chosen & dead).sum())) for kind, chosen in of.items()}
