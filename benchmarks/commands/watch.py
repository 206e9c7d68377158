"""Watch an agent edit one puzzle, in the terminal or as a page that replays it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.suites import Pool, pool
from benchmarks.running import models

if TYPE_CHECKING:
    from trm_agents.replay.episode import Episode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model", type=arguments.model_file, metavar="MODEL", help="a saved HindsightTRM or UPITRM, or zoo:NAME"
    )
    parser.add_argument("--env", metavar="ID", help="environment id (default: the one that the file names)")
    parser.add_argument("--puzzles", type=Path, metavar="FILE", help="puzzles of your own (default: the test pool)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--index", type=int, metavar="K", help="the puzzle, counted from 0")
    chosen.add_argument("--seed", type=int, default=0, metavar="S", help="draws the puzzle otherwise (default: 0)")
    parser.add_argument("--max-edits", type=arguments.positive, metavar="T", help="edit budget (default: one a cell)")
    parser.add_argument("--delay", type=seconds, default=0.5, metavar="SECONDS", help="between steps (default: 0.5)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that replays the episode instead")
    parser.add_argument("--json", action="store_true", help="show nothing, print one JSON object")
    arguments.add_contestants(parser)


def seconds(text: str) -> float:
    """A number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return value


def run(options: argparse.Namespace) -> int:
    """Play the episode, then show it or write its page."""
    method, trained_with = models.trained(options.model, arguments.contestants(options.contestants))
    label = models.label_of(options.model)
    env_id = options.env or (label.env_id if label is not None else None)
    if env_id is None:
        raise ValueError(f"{options.model} does not tell its environment: name it with --env")
    puzzles = _puzzles(options, env_id, trained_with)
    index = _index(options, len(puzzles.instances))
    # Loads torch: no mistake above should wait for it.
    from trm_agents.replay.episode import play

    model: Any = method.load(str(options.model), env_id, trained_with)
    episode = play(model, puzzles.mdp, puzzles.instances[index])
    facts = {"env": env_id, "index": index, "solved": episode.solved, "edits": episode.edits}
    title = f"{options.model.stem} · {env_id} · puzzle {index}"
    if options.html is not None:
        from trm_agents.replay.page import page

        records.write_atomically(options.html, page(episode, title))
        facts["html"] = str(options.html)
    if options.json:
        print(json.dumps(facts))
    else:
        _show(episode, title, options)
    return 0


def _puzzles(options: argparse.Namespace, env_id: str, trained_with: dict[str, Any]) -> Pool:
    """The user's puzzles, or the test pool of what the model was trained on."""
    budget = {} if options.max_edits is None else {"max_edits": options.max_edits}
    if options.puzzles is None:
        return pool(env_id, {**trained_with, **budget}, "test")
    if not options.puzzles.is_file():
        raise ValueError(f"there is no puzzle file {options.puzzles}")
    level = trained_with.get("legal_actions", "givens")
    return pool(env_id, {"puzzles": str(options.puzzles), "legal_actions": level, **budget})


def _index(options: argparse.Namespace, n: int) -> int:
    if options.index is None:
        return int(np.random.default_rng(options.seed).integers(n))
    if not 0 <= options.index < n:
        raise ValueError(f"--index must be within 0..{n - 1}, got {options.index}")
    return int(options.index)


def _show(episode: Episode, title: str, options: argparse.Namespace) -> None:
    from trm_agents.replay.terminal import perform

    console = Console()
    if options.html is None:
        perform(episode, title, console, options.delay)
    outcome = "[bold green]solved[/]" if episode.solved else "[bold red]not solved[/]"
    console.print(f"{outcome} in {episode.edits} edits of at most {episode.mdp.max_edits}")
    if options.html is not None:
        console.print(f"replay: {options.html}", soft_wrap=True)
