"""Score a saved model on every puzzle of a file, each exactly once, by its policy alone, by attempts or by search."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import Method, SolverKind
from baselines.agents import TOLERANCE
from benchmarks.commands import arguments
from benchmarks.protocol.evaluation import Result, evaluate, solve
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import Pool, pool
from benchmarks.running import models
from trm_agents.commands import arguments as shared
from trm_agents.commands.puzzles import tell_skipped
from trm_envs.reading import OnlyValid

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


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
    shared.add_trust(parser)
    parser.add_argument(
        "--stream",
        type=Path,
        metavar="FILE.jsonl",
        help="for files larger than memory: score piece by piece, and go on after the pieces that FILE has rows of",
    )
    parser.add_argument("--workers", type=arguments.positive, metavar="N", help="processes of --stream (default: 1)")
    arguments.add_contestants(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    if options.unroll == "auto" and (options.attempts or options.search):
        raise ValueError("--unroll auto is for the policy alone: leave out --attempts and --search")
    if options.workers and not options.stream:
        raise ValueError("--workers are for --stream FILE.jsonl, which keeps what they have done")
    if options.skip_invalid and options.stream:
        raise ValueError("--skip-invalid lists what it leaves out of a whole file: leave out --stream")
    method, level, keywords = _asked(options)
    skipped: list[str] = []
    if options.stream:
        from benchmarks.commands import streamed

        shipped = pool(options.env, {"legal_actions": level, **keywords}, "test")
        facts, max_edits = streamed.facts(options, score, shipped)
    else:
        source = OnlyValid(options.puzzles, skipped) if options.skip_invalid else options.puzzles
        result, max_edits = score(options, source)
        tell_skipped(skipped, result.n)
        facts = _facts(result)
    facts |= {"attempts": options.attempts, "search": options.search}
    if options.search:
        # What `checks` of a search were called before solvers counted them all.
        facts["model_queries"] = facts["checks"]
    if options.unroll == "auto":
        facts |= {"tolerance": options.tolerance, "mean_depth": facts["inner_steps"] / facts["network_calls"]}
    facts |= {"algo": method.name, "env": options.env, "legal_actions": level, "unroll": options.unroll}
    facts["max_edits"] = max_edits
    facts |= {"skipped": skipped} if options.skip_invalid else {}
    facts |= {"env_kwargs": options.env_kwargs} if options.env_kwargs else {}
    print(json.dumps(facts) if options.json else _text(facts))
    return 0


def score(options: argparse.Namespace, puzzles: Any) -> tuple[Result, int]:
    """What became of the puzzles, a source or an array of shape (n, n_cells), and the budget of edits.

    Raises:
        ValueError: a puzzle is flawed, or the model is none that can be scored so.
    """
    method, level, keywords = _asked(options)
    trained_with = models.trained(options.model, arguments.contestants(options.contestants), options.algo)[1]
    found = pool(options.env, {"puzzles": puzzles, "legal_actions": level, **keywords})
    # What changes the spaces changes them for the model too.
    model = method.load(str(options.model), options.env, {**trained_with, **options.env_kwargs}, trust=options.trust)
    return _result(options, method, model, found), found.mdp.max_edits


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


def _result(options: argparse.Namespace, method: Method, model: BaseAlgorithm, puzzles: Pool) -> Result:
    kind: SolverKind = "attempts" if options.attempts else "search"
    if count := options.attempts or options.search:
        return solve(method.solver(model, puzzles.mdp, options.env, kind, count, options.unroll), *puzzles)
    agent = method.agent(model, puzzles.mdp, np.random.default_rng(0), options.unroll, options.tolerance)
    return evaluate(agent, *puzzles)


def _facts(result: Result) -> dict[str, Any]:
    interval = wilson_interval(result.n_solved, result.n)
    solved = result.solved
    return {
        "solved": result.n_solved,
        "n": result.n,
        "success": interval.mean,
        "interval": [interval.lo, interval.hi],
        "edits": result.mean_edits,
        **result.mean_compute._asdict(),
        "network_calls_solved": float(np.median(result.network_calls[solved])) if solved.any() else None,
    }


def _text(facts: dict[str, Any]) -> str:
    lo, hi = facts["interval"]
    solver = next((f" with {name}={facts[name]}" for name in ("attempts", "search") if facts[name]), "")
    depth = f", {facts['mean_depth']:.1f} inner steps a pass" if facts["unroll"] == "auto" else ""
    return (
        f"{facts['algo']}{solver} solved {facts['solved']} of {facts['n']} puzzles: {facts['success']:.1%} "
        f"(95 % Wilson interval {lo:.1%} to {hi:.1%}), {facts['edits']:.1f} edits a puzzle of at most "
        f"{facts['max_edits']}, {facts['network_calls']:.1f} network calls of {facts['inner_steps']:.1f} inner steps "
        f"together and {facts['checks']:.1f} checks a puzzle{depth}, legal actions: {facts['legal_actions']}"
    )
