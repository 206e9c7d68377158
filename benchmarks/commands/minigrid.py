"""Train PPO with a recursive policy and with CNNs in MiniGrid as it comes, and score held-out episodes."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.provenance import provenance, set_threads
from benchmarks.protocol.study_rows import MiniGridRow

THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    text = "rows, appended; those that are there are not made again"
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help=text)
    text = "MiniGrid environments; default: MultiRoom and FourRooms"
    parser.add_argument("--envs", type=arguments.names, metavar="IDS", help=text)
    parser.add_argument("--views", type=arguments.names, metavar="NAMES", help="partial, full; default: partial")
    parser.add_argument("--policies", type=arguments.names, metavar="NAMES", help="default: all")
    parser.add_argument("--seeds", type=arguments.seeds, default=[0, 1, 2, 3, 4], metavar="SEEDS", help="like 0-4")
    parser.add_argument("--steps", type=arguments.positive, default=120_000, help="environment steps of each training")


def run(options: argparse.Namespace) -> int:
    """Train and score what has no row yet, then show all rows of the file.

    Raises:
        ValueError: the extra is not installed, or a policy, a view or an environment is unknown.
    """
    set_threads(THREADS)
    import torch

    try:
        from benchmarks.studies.minigrid import ENVS, POLICIES, VIEWS
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: install the extra, pip install 'trm-plan-edit[minigrid]'") from None
    import gymnasium as gym

    torch.set_num_threads(THREADS)
    names, envs = options.policies or list(POLICIES), options.envs or list(ENVS)
    views = options.views or list(VIEWS[:1])
    for given, known, kind, plural in ((names, POLICIES, "policy", "policies"), (views, VIEWS, "view", "views")):
        if unknown := [name for name in given if name not in known]:
            raise ValueError(f"unknown {kind} {unknown[0]!r}; known {plural}: {', '.join(known)}")
    if unknown := [env_id for env_id in envs if not env_id.startswith("MiniGrid-") or env_id not in gym.registry]:
        raise ValueError(f"{unknown[0]!r} is no environment of MiniGrid: name one like {ENVS[0]}")
    done = {row.key for row in records.read(options.out, MiniGridRow)}
    cells = [(*cell, options.steps) for cell in product(envs, views, names, options.seeds)]
    for cell in track([cell for cell in cells if cell not in done], "trainings"):
        _measure(*cell, options)
    _show(records.latest(records.read(options.out, MiniGridRow)))
    return 0


def _measure(env_id: str, view: str, policy: str, seed: int, steps: int, options: argparse.Namespace) -> None:
    """Append the row of one training."""
    from benchmarks.studies.minigrid import EPISODES, measured

    found = measured(env_id, view, policy, seed, steps, EPISODES)
    row = MiniGridRow(
        env_id=env_id,
        view=view,
        policy=policy,
        seed=seed,
        env_steps=steps,
        weights=found.weights,
        n=EPISODES,
        solved=found.solved,
        solved_sampled=found.solved_sampled,
        cpu_seconds=round(found.cpu_seconds, 1),
        threads=THREADS,
        command=options.command_line,
        **provenance()._asdict(),
    )
    records.append(options.out, row)


def _show(rows: list[MiniGridRow]) -> None:
    """Success of every environment and policy, mean over seeds."""
    heads = ("weights", "steps", "solved, %", "lowest to highest", "sampled, %", "seeds")
    table = Table("environment", "view", Column("policy", no_wrap=True), *heads)
    groups: dict[tuple[str, str, str, int], list[MiniGridRow]] = {}
    for row in rows:
        groups.setdefault((row.env_id, row.view, row.policy, row.env_steps), []).append(row)
    for (env_id, view, policy, steps), group in groups.items():
        shares = [100.0 * row.solved / row.n for row in group]
        sampled = [100.0 * row.solved_sampled / row.n for row in group]
        table.add_row(
            env_id,
            view,
            policy,
            f"{group[0].weights:,}",
            f"{steps:,}",
            f"{sum(shares) / len(shares):.1f}",
            f"{min(shares):.1f} to {max(shares):.1f}",
            f"{sum(sampled) / len(sampled):.1f}",
            str(len(group)),
        )
    Console().print(table)
