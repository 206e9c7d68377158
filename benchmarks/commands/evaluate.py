"""Score a saved model on every puzzle of a file, each exactly once, by its policy alone, by attempts or by search."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import Method, SolverKind
from baselines.agents import TOLERANCE
from benchmarks.commands import arguments
from benchmarks.protocol.evaluation import Result, evaluate, solve
from benchmarks.protocol.suites import Pool, mdp_of, pool
from benchmarks.running import models
from trm_agents.commands import arguments as shared
from trm_agents.streaming import Score, Scored, Valid, facts, read_valid, showing, stream
from trm_envs.reading import Batch, batches

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

DEPENDS_ON = (
    "env",
    "env_kwargs",
    "unroll",
    "tolerance",
    "attempts",
    "search",
    "views",
    "max_edits",
    "legal_actions",
    "algo",
    "contestants",
    "skip_invalid",
)
"""Options that the result depends on, beside the model and the puzzles."""
KINDS: tuple[SolverKind, ...] = ("attempts", "search", "views")
"""Solvers, each with an option for its budget."""


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
    solver = parser.add_mutually_exclusive_group()
    for name, what in (
        ("attempts", "make N attempts at each puzzle"),
        ("search", "search with N network calls a puzzle"),
        ("views", "choose each edit by the mean over N symmetric copies of the state, at least 2"),
    ):
        solver.add_argument(
            f"--{name}",
            type=arguments.not_negative,
            default=0,
            metavar="N",
            help=f"{what} (default: 0, the policy alone)",
        )
    parser.add_argument("--max-edits", type=arguments.positive, metavar="T", help="edit budget (default: one a cell)")
    text = 'further keywords of the environment, {"stop_action": "noop"} for one'
    parser.add_argument("--env-kwargs", type=shared.keywords, default={}, metavar="JSON", help=text)
    parser.add_argument("--legal-actions", choices=("givens", "consistent"), help="default: as the model was trained")
    parser.add_argument("--algo", help="the model's method, where the file does not tell")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    shared.add_skip_invalid(parser)
    shared.add_stream(parser)
    shared.add_trust(parser)
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    if options.unroll == "auto" and (options.attempts or options.search or options.views):
        raise ValueError("--unroll auto is for the policy alone: leave out --attempts, --search and --views")
    method, level, keywords = _asked(options)
    mdp = mdp_of(options.env, {"legal_actions": level, **keywords})
    with showing.progress(silent=options.json) as told:
        pieces = batches(options.puzzles, mdp.task.notation)
        found = stream(pieces, scorer, options, _hash(options), told, options.stream, options.workers)
    showing.tell_skipped(found.skipped, found.n)
    known = facts(found) | {kind: getattr(options, kind) for kind in KINDS}
    if not (options.search or options.views) and (own := getattr(_model(options, method).policy, "starts", None)):
        known["starts"] = own.most
    if options.search:
        # What `checks` of a search were called before solvers counted them all.
        known["model_queries"] = known["checks"]
    if options.unroll == "auto":
        known |= {"tolerance": options.tolerance, "mean_depth": known["inner_steps"] / known["network_calls"]}
    known |= {"algo": method.name, "env": options.env, "legal_actions": level, "unroll": options.unroll}
    known["max_edits"] = mdp.max_edits
    known |= {"skipped": found.skipped} if options.skip_invalid else {}
    known |= {"env_kwargs": options.env_kwargs} if options.env_kwargs else {}
    print(json.dumps(known) if options.json else _text(known))
    if not options.json:
        showing.show_ratings(known)
    return 0


def scorer(options: argparse.Namespace) -> Score:
    """What scores pieces of the puzzles, with the model loaded.

    Raises:
        ValueError: the model is none that can be scored so.
    """
    method, level, keywords = _asked(options)
    model = _model(options, method)

    def read(source: Any) -> Pool:
        return pool(options.env, {"puzzles": source, "legal_actions": level, **keywords})

    def score(batch: Batch) -> tuple[Scored, Valid]:
        puzzles, valid = read_valid(batch, options.skip_invalid, read)
        if puzzles is None:
            return Scored.nothing(), valid
        found = _result(options, method, model, puzzles)
        return Scored(found.solved, found.edits, found.network_calls, found.inner_steps, found.checks), valid

    return score


def _model(options: argparse.Namespace, method: Method) -> BaseAlgorithm:
    trained_with = models.trained(options.model, arguments.contestants(options.contestants), options.algo)[1]
    # What changes the spaces changes them for the model too.
    return method.load(str(options.model), options.env, {**trained_with, **options.env_kwargs}, trust=options.trust)


def _asked(options: argparse.Namespace) -> tuple[Method, str, dict[str, Any]]:
    """The model's row, the level of legal actions, and further keywords of the environment.

    Raises:
        ValueError: a keyword has an option of its own, or nothing tells the level.
    """
    if own := sorted({"puzzles", "legal_actions", "max_edits"} & options.env_kwargs.keys()):
        raise ValueError(f"--env-kwargs: {own[0]} has an option of its own: give --{own[0].replace('_', '-')}")
    method = models.trained(options.model, arguments.contestants(options.contestants), options.algo)[0]
    level = options.legal_actions or models.level_of(options.model, method)
    if level is None:
        raise ValueError(f"{options.model} does not say at which level it was trained: give it with --legal-actions")
    budget = {} if options.max_edits is None else {"max_edits": options.max_edits}
    return method, level, {**budget, **options.env_kwargs}


def _hash(options: argparse.Namespace) -> str:
    """Of the model's file and of all options that the result depends on."""
    told = json.dumps({name: getattr(options, name) for name in DEPENDS_ON}, sort_keys=True)
    return hashlib.sha256(options.model.read_bytes() + told.encode()).hexdigest()


def _result(options: argparse.Namespace, method: Method, model: BaseAlgorithm, puzzles: Pool) -> Result:
    for kind in KINDS:
        if count := getattr(options, kind):
            return solve(method.solver(model, puzzles.mdp, options.env, kind, count, options.unroll), *puzzles)
    agent = method.agent(model, puzzles.mdp, np.random.default_rng(0), options.unroll, options.tolerance)
    return evaluate(agent, *puzzles)


def _text(known: dict[str, Any]) -> str:
    lo, hi = known["interval"]
    solver = "".join(f" with {name}={known[name]}" for name in ("starts", *KINDS) if known.get(name))
    depth = f", {known['mean_depth']:.1f} inner steps a pass" if known["unroll"] == "auto" else ""
    return (
        f"{known['algo']}{solver} solved {known['solved']} of {known['n']} puzzles: {known['success']:.1%} "
        f"(95 % Wilson interval {lo:.1%} to {hi:.1%}), {known['edits']:.1f} edits a puzzle of at most "
        f"{known['max_edits']}, {known['network_calls']:.1f} network calls of {known['inner_steps']:.1f} inner steps "
        f"together and {known['checks']:.1f} checks a puzzle{depth}, legal actions: {known['legal_actions']}"
    )
