"""Score an agent on every puzzle of a file or of the test split, each once."""

from __future__ import annotations

import argparse
import hashlib
import json
from typing import TYPE_CHECKING, Any

from trm_agents.commands import agents, arguments

if TYPE_CHECKING:
    from trm_agents.commands.agents import About
    from trm_agents.commands.puzzles import Puzzles
    from trm_agents.streaming import Score, Scored, Valid
    from trm_envs.reading import Batch

EPILOG = (
    "A file of any size is read and scored piece by piece. Where a column of it is headed 'rating' or 'difficulty', "
    "success is shown by rating too."
)
DEPENDS_ON = ("env", "env_kwargs", "starts", "attempts", "search", "views", "skip_invalid")
"""Options that the result depends on, beside the model and the puzzles."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help=agents.HELP)
    arguments.add_environment(parser, required=False)
    arguments.add_puzzles(parser)
    arguments.add_solver(parser, "0")
    arguments.add_skip_invalid(parser)
    arguments.add_stream(parser)
    arguments.add_trust(parser)
    arguments.add_json(parser, "one JSON object and nothing else")


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    # Loads numba: no help should wait for it.
    from trm_agents.commands import spending
    from trm_agents.streaming import facts, showing, stream
    from trm_envs.reading import batches

    agent = agents.about(options.model, options.env)
    world = _world(agent, options)
    source = world.instances if options.puzzles is None else options.puzzles
    asked, task = _asked(options), world.mdp.task
    with showing.progress(silent=options.json) as told:
        pieces = batches(source, task.notation)
        found = stream(pieces, scorer, options, asked, told, options.stream, options.workers)
    showing.tell_skipped(found.skipped, found.n)
    named = {"model": options.model, "env": agent.env_id, "puzzles": options.puzzles or "test split"}
    spent: dict[str, Any] = spending.spent_by(agents.load(agent, world.env, options.trust), options)
    spent["max_edits"] = world.mdp.max_edits
    spent |= {"skipped": found.skipped} if options.skip_invalid else {}
    known = {**named, **spent, **facts(found)}
    print(json.dumps(known) if options.json else _text(known))
    if not options.json:
        showing.show_ratings(known)
    return 0


def scorer(options: argparse.Namespace) -> Score:
    """What scores pieces of the puzzles, with the model loaded."""
    from trm_agents.commands import puzzles as reading
    from trm_agents.commands import spending
    from trm_agents.streaming import Scored, Valid, read_valid

    agent = agents.about(options.model, options.env)
    world = _world(agent, options)
    model = agents.load(agent, world.env, options.trust)

    def read(source: Any) -> Puzzles:
        return reading.read(agent.env_id, source, agent.keywords, options.env_kwargs)

    def score(batch: Batch) -> tuple[Scored, Valid]:
        puzzles: Puzzles | None = world._replace(instances=batch.grids)
        valid = Valid([], [])
        if options.puzzles is not None:
            puzzles, valid = read_valid(batch, options.skip_invalid, read)
        if puzzles is None:
            return Scored.nothing(), valid
        found = spending.spend(model, agent, puzzles, **spending.budgets(options))
        return Scored(found.solved, found.edits, found.calls, found.inner_steps, found.checks), valid

    return score


def _world(agent: About, options: argparse.Namespace) -> Puzzles:
    """The environment and its test split; no instances where the user has puzzles of their own."""
    from trm_agents.commands import puzzles as reading

    if options.puzzles is None:
        return reading.read(agent.env_id, None, agent.keywords, options.env_kwargs)
    return reading.none(agent.env_id, agent.keywords, options.env_kwargs)


def _asked(options: argparse.Namespace) -> str:
    """Hash of the model's file and of all options that the result depends on."""
    told = json.dumps({name: getattr(options, name) for name in DEPENDS_ON}, sort_keys=True)
    return hashlib.sha256(agents.path(options.model).read_bytes() + told.encode()).hexdigest()


def _text(known: dict[str, Any]) -> str:
    from trm_agents.commands import spending

    low, high = known["interval"]
    return (
        f"{known['model']} solved {known['solved']} of {known['n']} puzzles of {known['env']} ({known['puzzles']}) by "
        f"{spending.solver_name(**{name: known[name] for name in spending.BUDGETS})}: {known['success']:.1%} "
        f"(95 % Wilson interval {low:.1%} to {high:.1%})\n"
        f"a puzzle cost {spending.cost_text(known)} on average; an unsolved one counts with all of its "
        f"{known['max_edits']} edits"
    )
