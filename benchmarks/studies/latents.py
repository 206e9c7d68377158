"""What the latent z_H of a controller holds after each edit: principal components, and what can be read linearly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from baselines.control_agents import EditPlanner
from baselines.control_lines import stored_reference
from benchmarks.protocol.control import EDITS, ControlPool
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.study_rows import LatentsRow
from trm_envs.continuous.task import Numbers

COMPONENTS = 20
"""Principal components that are read."""
RIDGE = 1e-3
"""Weight of the penalty, in units of the components' variances."""
SMALLEST_GAP = 1e-6
"""Added to gaps before their logarithm is taken."""


class Seen(NamedTuple):
    """Latents after one edit, and what to read from them."""

    edit: int
    latents: Numbers
    """z_H, shape (B, T d)."""
    moved: float
    """Mean norm of their change by this edit, as a share of their norm."""
    gaps: Numbers
    """J / J* - 1 of the plan after it, shape (B,)."""


def watched(planner: EditPlanner, pool: ControlPool) -> Iterator[Seen]:
    """Latents after each edit of each state of a pool, as many edits as an episode has."""
    mdp, rules, carried = planner.mdp, planner.rules, None
    states = mdp.initial(pool.instances)
    checks, before = mdp.check(states), None
    for edit in range(1, mdp.max_edits + 1):
        actions, carried = planner.model.predict(rules.observe(states, checks), carried, deterministic=True)
        done = mdp.transition(states, rules.read_actions(actions, len(pool.instances)), checks)
        states, checks = done.successors, done.checks
        assert carried is not None
        latents = carried[0][:, 1].reshape(len(pool.instances), -1).astype(np.float64)
        change = latents if before is None else latents - before
        moved = float(np.linalg.norm(change, axis=1).mean() / np.linalg.norm(latents, axis=1).mean())
        yield Seen(edit, latents, moved, checks.cost / pool.optima - 1.0)
        before = latents


def components(latents: Numbers) -> tuple[Numbers, Numbers]:
    """Latents in their principal components, shape (B, min(B, n)), and the variance of each, falling."""
    centred = latents - latents.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left * sizes, sizes**2 / len(latents)


def readable(read: Numbers, told: Numbers) -> float:
    """R^2 of a ridge regression on the second half of the states, fitted on the first.

    Args:
        read: what is read, shape (B, k).
        told: what is to be told from it, shape (B,).
    """
    half = len(read) // 2
    scale = read[:half].std(axis=0) + 1e-12
    inputs = np.concatenate([read / scale, np.ones((len(read), 1))], axis=1)
    penalty = RIDGE * half * np.eye(inputs.shape[1])
    penalty[-1, -1] = 0.0
    fitted = inputs[:half]
    weights = np.linalg.solve(fitted.T @ fitted + penalty, fitted.T @ told[:half])
    rest = told[half:]
    return float(1.0 - np.square(rest - inputs[half:] @ weights).sum() / np.square(rest - rest.mean()).sum())


def measure(
    suite: str, pool: ControlPool, planner: EditPlanner, name: str, threads: int, command: str
) -> Iterator[LatentsRow]:
    """A row for each number of edits that plans are scored at.

    Args:
        suite: name of the suite.
        pool: its first states, of a system with two states.
        planner: the model's.
        name: what rows call the model.
        threads: of the numeric libraries.
        command: what the rows say they came from.
    """
    best = stored_reference(pool.mdp.task, pool.instances)
    at_bound = (np.abs(best) >= (1.0 - 1e-6) * pool.mdp.task.plan_high).mean(axis=1)
    about: dict[str, Any] = {"threads": threads, "command": command, **provenance()._asdict()}
    for seen in watched(planner, pool):
        if seen.edit not in EDITS:
            continue
        read, variances = components(seen.latents)
        read = read[:, :COMPONENTS]
        yield LatentsRow(
            suite=suite,
            model=name,
            edit=seen.edit,
            n=len(pool.instances),
            offset=float(np.square(seen.latents.mean(axis=0)).sum() / np.square(seen.latents).sum(axis=1).mean()),
            two=float(variances[:2].sum() / variances.sum()),
            moved=seen.moved,
            of_position=readable(read, pool.instances[:, 0]),
            of_velocity=readable(read, pool.instances[:, 1]),
            of_optimum=readable(read, np.log(pool.optima)),
            of_bound=readable(read, at_bound),
            of_gap=readable(read, np.log(np.maximum(seen.gaps, 0.0) + SMALLEST_GAP)),
            pool_sha256=pool_hash(pool.instances),
            **about,
        )
