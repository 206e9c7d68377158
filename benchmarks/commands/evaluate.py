"""Score a saved model on every puzzle of a file, each exactly once, greedy or by search."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baselines.agents import TOLERANCE
from benchmarks.commands import arguments
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import Pool, pool
from benchmarks.running import models

if TYPE_CHECKING:
    from trm_agents.solving import Guesser, Proposer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=arguments.model_file, metavar="MODEL", help="a saved model.zip, or zoo:NAME")
    parser.add_argument("--env", required=True, metavar="ID", help="environment id, SudokuPlanEdit-9x9-v0 for one")
    parser.add_argument("--puzzles", type=Path, required=True, metavar="FILE", help="as the environment reads them")
    parser.add_argument(
        "--unroll",
        type=arguments.depth,
        metavar="N|auto",
        help="inner steps of a recursive network; auto: of a certified contraction, as many as each state needs",
    )
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, metavar="X", help="auto: how much a value may still change"
    )
    parser.add_argument(
        "--search", type=arguments.not_negative, default=0, metavar="N", help="search with N network calls a puzzle"
    )
    parser.add_argument("--max-edits", type=arguments.positive, metavar="T", help="edit budget (default: one a cell)")
    parser.add_argument("--legal-actions", choices=("givens", "consistent"), help="default: as the model was trained")
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    contestants = arguments.contestants(options.contestants)
    algo, trained_with = models.trained(options.model, contestants, options.algo)
    level = options.legal_actions or trained_with.get("legal_actions", "givens")
    if not options.puzzles.is_file():
        raise ValueError(f"there is no puzzle file {options.puzzles}")
    budget = {} if options.max_edits is None else {"max_edits": options.max_edits}
    puzzles = pool(options.env, {"puzzles": str(options.puzzles), "legal_actions": level, **budget})
    model = contestants.load(algo, str(options.model), options.env, trained_with)
    if options.search:
        if options.unroll == "auto":
            raise ValueError("--unroll auto is for greedy episodes: leave out --search")
        proposer = contestants.proposer_of(algo, model, puzzles.mdp, options.unroll)
        facts = _by_search(puzzles, proposer, contestants.guesser_of(model, puzzles.mdp), options.search)
    else:
        agent = contestants.agent_of(
            algo, model, puzzles.mdp, np.random.default_rng(0), options.unroll, options.tolerance
        )
        result = evaluate(agent, *puzzles)
        facts = _facts(result.solved, result.edits)
        if options.unroll == "auto":
            facts |= {"tolerance": options.tolerance, "mean_depth": getattr(agent, "mean_depth", None)}
    facts["search"] = options.search
    facts |= {"algo": algo, "env": options.env, "legal_actions": level, "unroll": options.unroll}
    facts["max_edits"] = puzzles.mdp.max_edits
    print(json.dumps(facts) if options.json else _text(facts))
    return 0


def _by_search(puzzles: Pool, proposer: Proposer, guesser: Guesser | None, budget: int) -> dict[str, Any]:
    from trm_agents.solving import search

    found = search(*puzzles, proposer, budget, guesser=guesser)
    # As in an episode, an unsolved puzzle counts with its whole budget of edits.
    facts = _facts(found.solved, np.where(found.solved, found.edits, puzzles.mdp.max_edits))
    facts["network_calls"] = float(found.calls.mean())
    facts["network_calls_solved"] = float(np.median(found.calls[found.solved])) if found.solved.any() else None
    facts["model_queries"] = float(found.queries.mean())
    return facts


def _facts(solved: NDArray[np.bool_], edits: NDArray[np.int64]) -> dict[str, Any]:
    interval = wilson_interval(int(solved.sum()), len(solved))
    return {
        "solved": int(solved.sum()),
        "n": len(solved),
        "success": interval.mean,
        "interval": [interval.lo, interval.hi],
        "edits": float(edits.mean()),
    }


def _text(facts: dict[str, Any]) -> str:
    lo, hi = facts["interval"]
    depth = f", {facts['mean_depth']:.1f} inner steps a state" if facts["unroll"] == "auto" else ""
    spent = f", {facts['network_calls']:.1f} network calls of at most {facts['search']}" if facts["search"] else ""
    return (
        f"{facts['algo']} solved {facts['solved']} of {facts['n']} puzzles: {facts['success']:.1%} "
        f"(95 % Wilson interval {lo:.1%} to {hi:.1%}), {facts['edits']:.1f} edits a puzzle of at most "
        f"{facts['max_edits']}{spent}{depth}, legal actions: {facts['legal_actions']}"
    )
