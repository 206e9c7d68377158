"""Watch an agent edit one puzzle, as `trm watch` does, in the environment of its run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from baselines.agents import facing
from benchmarks.commands import arguments
from benchmarks.protocol.suites import Pool, pool
from benchmarks.running import models
from trm_agents.commands import arguments as shared
from trm_agents.commands.puzzles import pick
from trm_agents.commands.watch import add_output, present


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model",
        type=arguments.model_file,
        metavar="MODEL",
        help="a model of ours or of a row that walks, or zoo:NAME",
    )
    parser.add_argument("--env", metavar="ID", help="environment id (default: the one that the file names)")
    parser.add_argument("--puzzles", type=Path, metavar="FILE", help="puzzles of your own (default: the test pool)")
    shared.add_choice(parser)
    parser.add_argument("--max-edits", type=arguments.positive, metavar="T", help="edit budget (default: one a cell)")
    add_output(parser)
    shared.add_trust(parser)
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Play the episode, then show it or write its files."""
    method, trained_with = models.trained(options.model, arguments.contestants(options.contestants))
    label = models.label_of(options.model)
    env_id = label.env_id if options.env is None and label is not None else options.env
    if env_id is None:
        raise ValueError(f"{options.model} does not tell its environment: name it with --env")
    puzzles = _puzzles(options, env_id, trained_with)
    index = pick(len(puzzles.instances), options.index, options.seed)
    # Loads torch: no mistake above should wait for it.
    from trm_agents.replay.episode import play, watched

    model: Any = method.load(str(options.model), env_id, trained_with, trust=options.trust)
    with facing(model, puzzles.mdp):
        episode = play(watched(model, puzzles.mdp), puzzles.instances[index])
    present(episode, options.model.stem, {"env": env_id, "index": index}, options)
    return 0


def _puzzles(options: argparse.Namespace, env_id: str, trained_with: dict[str, Any]) -> Pool:
    """The user's puzzles, or the test pool of what the model was trained on."""
    budget = {} if options.max_edits is None else {"max_edits": options.max_edits}
    if options.puzzles is None:
        return pool(env_id, {**trained_with, **budget}, "test")
    level = trained_with.get("legal_actions", "givens")
    return pool(env_id, {"puzzles": options.puzzles, "legal_actions": level, **budget})
