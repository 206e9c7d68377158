"""Entries of the zoo: a trained model made slim, measured on its suite's test pool, and described by a card."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from baselines import METHODS, SolverKind, gradient_steps, model_queries
from benchmarks.protocol import records
from benchmarks.protocol.control import ControlPool, ControlResult, packed
from benchmarks.protocol.evaluation import Contestants, Result, solve
from benchmarks.protocol.folder import Folder
from benchmarks.protocol.provenance import Provenance, pool_hash, provenance
from benchmarks.protocol.stats import wilson_interval
from benchmarks.protocol.suites import Pool, Suite, scored_pool, suite
from benchmarks.running import models, scoring
from benchmarks.running.models import Label
from trm_agents import presets, zoo
from trm_agents.zoo import Card, ControlCard, Score
from trm_agents.zoo.algorithms import loaded

LICENCE = "MIT"
COUNTED = ("trained_with", "seed", "env_steps", "model_queries", "gradient_steps", "parameters")
"""Fields of a card that training fills."""


class Source(NamedTuple):
    """A model to make an agent of."""

    model: Path
    label: Label
    suite: Suite
    """On whose test pool it is measured."""
    commit: str
    """Code that trained it; a trailing `+` says that there were uncommitted changes."""
    settings: str
    """Row of `METHODS`, or variant of one, whose settings the agent gets."""
    card: Card | None = None
    """Of the shipped agent that it is already; None of a model of a run."""


def source_of(model: Path, suite_name: str | None = None, commit: str | None = None) -> Source:
    """A model, with what the folder of its run (`RUN/cells/SUITE/CELL/model.zip`) says where nothing is given.

    Of a shipped agent, its card says as much.

    Raises:
        ValueError: the file is no model, there is no such suite, or the file does not lie in a run that would tell.
    """
    label, run = models.label_of(model), _run_of(model)
    if model.resolve().parent == zoo.AGENTS.resolve():
        card = zoo.card(model.stem)
        known = label or Label(card.algo, card.env_id, card.env_kwargs)
        return Source(model, known, suite(suite_name or card.suite), commit or card.trained_commit, card.algo, card)
    if run is None and (suite_name is None or commit is None):
        raise ValueError(
            f"{model} does not lie in the folder of a run: say with --suite what it is measured on and with --commit "
            "which code trained it"
        )
    row = suite(suite_name or model.resolve().parents[1].name)
    if commit is None and run is not None:
        about = run.about()
        commit = str(about["commit"]) + ("+" if about["dirty"] else "")
    assert commit is not None
    label = label or Label(models.row_of_file(model), row.env_id, row.env_kwargs)
    return Source(model, label, row, commit, label.algo)


def _run_of(model: Path) -> Folder | None:
    folders = model.resolve().parents
    if len(folders) < 4 or folders[2].name != "cells":
        return None
    run = Folder(folders[3])
    return run if run.plan_file.is_file() else None


def make_entry(
    source: Source,
    name: str,
    contestants: Contestants,
    to: Path,
    allow_dirty: bool = False,
    kind: SolverKind = "attempts",
    budget: int = 0,
) -> Card:
    """Write NAME.zip, then NAME.json, and return the card.

    Args:
        source: the model.
        name: of the agent.
        contestants: whose rows measure it.
        to: the zoo's folder.
        allow_dirty: accept code that differs from its commit, then or now; the card marks such commits with `+`.
        kind: of the solver that it is measured with too.
        budget: of the solver; 0 measures the policy alone.

    Raises:
        ValueError: the model is of another algorithm, its slim file is too large, or the code is dirty.
    """
    origin, row = provenance(), source.suite
    if not allow_dirty and (origin.dirty or source.commit.endswith("+")):
        raise ValueError("the code has uncommitted changes, now or when it trained the model: add --allow-dirty")
    # The slim file is for the environment that it is measured in, whatever the training drew its puzzles from.
    label = Label(source.label.algo, row.env_id, row.env_kwargs, source.label.cost)
    content = models.labelled(_slim(source, contestants), label)
    if len(content) > zoo.MAX_BYTES:
        raise ValueError(f"{name} takes {len(content):,} bytes, more than the {zoo.MAX_BYTES:,} that an agent may")
    test = scored_pool(row.env_id, row.env_kwargs, "test")
    results = measure(content, source, test, contestants, kind, budget)
    card = describe(source, name, origin, test, results, hashlib.sha256(content).hexdigest())
    if budget:
        card = dataclasses.replace(card, solver=score(f"{kind}={budget}", results[-1]))
    if budget and kind == "attempts":
        hindsight = contestants.METHODS[source.label.algo].family == "hindsight"
        settings = presets.overridden({}, presets.ATTEMPTS, row.env_id) if hindsight else {}
        card = dataclasses.replace(card, attempts={"attempts": budget, **settings})
    records.write_atomically(to / f"{name}.zip", content)
    records.write_atomically(to / f"{name}.json", card.as_json())
    return card


def _slim(source: Source, contestants: Contestants) -> bytes:
    """The slim file; of a model with the settings of another row, or from another environment, it is carried over."""
    label, row = source.label, source.suite
    if (source.settings, row.env_id) == (label.algo, label.env_id):
        return zoo.slim(source.model)
    model = contestants.METHODS[label.algo].load(str(source.model), label.env_id, label.env_kwargs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.zip"
        contestants.METHODS[source.settings].carry_over(model, row.env_id, row.env_kwargs).save(file)
        return zoo.slim(file)


def measure(
    content: bytes, source: Source, test: Pool | ControlPool, contestants: Contestants, kind: SolverKind, budget: int
) -> list[Result]:
    """A slim model on a test pool, without and with a solver: what is measured is what is shipped.

    Raises:
        ValueError: a solver is asked of a model that has none.
    """
    method, row = contestants.METHODS[source.label.algo], source.suite
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.zip"
        file.write_bytes(content)
        model = method.load(str(file), row.env_id, row.env_kwargs)
    alone = scoring.measure(method, model, test, seed=0)
    if not budget:
        return [alone]
    if isinstance(test, ControlPool):
        raise ValueError(f"models of {method.name!r} have no solvers: leave out --attempts and --search")
    return [alone, solve(method.solver(model, test.mdp, row.env_id, kind, budget), *test)]


def score(line: str, result: Result) -> Score:
    """What a card says of a result."""
    interval = wilson_interval(result.n_solved, result.n)
    return Score(
        line=line,
        solved=result.n_solved,
        success=result.success,
        interval=(interval.lo, interval.hi),
        edits=result.mean_edits,
        **result.mean_compute._asdict(),
    )


def _counted(source: Source) -> dict[str, Any]:
    """What training has cost, `COUNTED` of a card."""
    trained: Any = loaded(source.model, device="cpu")
    cost = {
        "trained_with": {**source.label.env_kwargs, **METHODS[source.label.algo].training_for(source.suite.env_id)},
        "seed": trained.seed,
        "env_steps": trained.num_timesteps,
        "model_queries": model_queries(trained),
        "gradient_steps": gradient_steps(trained),
        "parameters": sum(p.numel() for p in trained.policy.parameters() if p.requires_grad),
    }
    assert tuple(cost) == COUNTED
    return cost


def describe(
    source: Source, name: str, origin: Provenance, test: Pool | ControlPool, results: list[Result], sha256: str
) -> Card:
    """The card of a measured agent; what training has cost is read from the full model's own counters, or its card."""
    counted = _counted(source) if source.card is None else {name: getattr(source.card, name) for name in COUNTED}
    facts: dict[str, Any] = {
        "name": name,
        "algo": source.label.algo,
        "suite": source.suite.name,
        "env_id": source.suite.env_id,
        "env_kwargs": source.suite.env_kwargs,
        **counted,
        "trained_commit": source.commit,
        "measured_commit": origin.commit + ("+" if origin.dirty else ""),
        "versions": origin.versions,
        "n": len(test.instances),
        "policy": score("policy", results[0]),
        "pool_sha256": pool_hash(test.instances),
        "sha256": sha256,
        "licence": LICENCE,
    }
    plans = results[0]
    if not isinstance(plans, ControlResult):
        return Card(**facts)
    return ControlCard(
        **facts,
        feasible=int(plans.feasible.sum()),
        reached=int(plans.reached.sum()),
        gap_mean=plans.by_edits[-1].mean,
        gap_p95=plans.by_edits[-1].p95,
        by_edits=packed(plans.by_edits),
    )
