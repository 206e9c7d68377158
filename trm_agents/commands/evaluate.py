"""Score an agent on every puzzle of a file or of the test split, each once."""

from __future__ import annotations

import argparse
import json

from trm_agents.commands import agents, arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help=agents.HELP)
    arguments.add_environment(parser, required=False)
    arguments.add_puzzles(parser)
    arguments.add_solver(parser, "0")
    arguments.add_skip_invalid(parser)
    arguments.add_trust(parser)
    arguments.add_json(parser, "one JSON object and nothing else")


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    # Loads numba: no help should wait for it.
    from trm_agents.commands import puzzles as reading
    from trm_agents.commands import spending
    from trm_envs.reading import OnlyValid

    agent = agents.about(options.model, options.env)
    skipped: list[str] = []
    source = OnlyValid(options.puzzles, skipped) if options.skip_invalid and options.puzzles else options.puzzles
    puzzles = reading.read(agent.env_id, source, agent.keywords, options.env_kwargs)
    reading.tell_skipped(skipped, len(puzzles.instances))
    model = agents.load(agent, puzzles.env, options.trust)
    found = spending.spend(model, agent, puzzles, options.attempts, options.search)
    facts = spending.summary(found)
    named = {"model": options.model, "env": agent.env_id, "puzzles": options.puzzles or "test split"}
    spent = {"attempts": options.attempts or 0, "search": options.search or 0, "max_edits": puzzles.mdp.max_edits}
    spent |= {"skipped": skipped} if options.skip_invalid else {}
    if options.json:
        print(json.dumps({**named, **spent, **facts}))
        return 0
    lo, hi = facts["interval"]
    print(
        f"{options.model} solved {facts['solved']} of {facts['n']} puzzles of {agent.env_id} ({named['puzzles']}) by "
        f"{spending.solver_name(options.attempts, options.search)}: {facts['success']:.1%} "
        f"(95 % Wilson interval {lo:.1%} to {hi:.1%})\n"
        f"a puzzle cost {spending.cost_text(facts)} on average; an unsolved one counts with all of its "
        f"{puzzles.mdp.max_edits} edits"
    )
    return 0
