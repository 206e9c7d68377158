"""Equal tuning: every method gets the same number of trials, scored on validation puzzles or first states.

The rows of finished trials are all that is stored. A trial's settings follow from its number and the rows before it, so
that a tuning which was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines.spaces import Settings, Space
from benchmarks.protocol.control import ControlPool, ControlResult
from benchmarks.protocol.evaluation import Contestants, Result
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.rows import TuningRow
from benchmarks.protocol.suites import Pool, scored_pool, suite
from benchmarks.running.models import Cost
from benchmarks.running.scoring import played

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

RANDOM_TRIALS = 5
"""Trials, those of the space's own included, before optuna learns from them (its own default is 10)."""

MAX_DRAWS = 100
"""How often a trial's settings are drawn until they are new: a space may hold none that are."""


def objective(row: TuningRow) -> float:
    """What optuna maximises: what is solved and, where two trials solve as many, the score of the best plans.

    A logistic of the score lies between 0 and 1, so it never outweighs a puzzle; at 0 % it alone tells trials apart.
    The last plan's score would not do: an agent that edits nothing has a higher one than most that try and go wrong.
    """
    return row.solved + 1.0 / (1.0 + math.exp(-row.score))


def check_spaces(contestants: Contestants, algos: Sequence[str], name: str) -> None:
    """Raise ValueError where a method has no search space, or cannot be tuned on the suite of this name."""
    row = suite(name)
    if row.trained_on is not None:
        raise ValueError(f"methods train on {row.trained_on} for {name}: tune them there")
    for algo in algos:
        if algo not in contestants.SPACES:
            known = ", ".join(contestants.SPACES)
            raise ValueError(f"method {algo!r} has no search space; methods that have one: {known}")
        if not contestants.METHODS[algo].supports(row.env_id):
            raise ValueError(f"method {algo!r} cannot play {name}: take methods of that kind of suite")


def suggest(space: Space, tried: Sequence[TuningRow], seed: int) -> Settings:
    """Settings of the next trial: ones that have not been tried, unless `MAX_DRAWS` draws find none.

    Args:
        space: what to choose from.
        tried: rows of all trials before it, in order.
        seed: of the sampler.
    """
    if len(tried) <= len(space.first):
        return {**space.start, **(space.first[len(tried) - 1] if tried else {})}
    # Takes a second to import.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A seed of its own for each trial: nothing of a sampler's state has to be kept.
    sampler = optuna.samplers.TPESampler(seed=seed + len(tried), n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_as_trial(space, row) for row in tried])
    seen = [json.loads(row.settings) for row in tried]
    for _ in range(MAX_DRAWS):
        trial = study.ask()
        drawn = {
            setting: json.loads(trial.suggest_categorical(setting, [json.dumps(value) for value in values]))
            for setting, values in space.choices.items()
        }
        if drawn not in seen:
            break
    return drawn


def _as_trial(space: Space, row: TuningRow) -> FrozenTrial:
    import optuna

    # optuna knows numbers and strings only: a choice is its JSON.
    choices: dict[str, BaseDistribution] = {
        setting: optuna.distributions.CategoricalDistribution([json.dumps(value) for value in values])
        for setting, values in space.choices.items()
    }
    params = {setting: json.dumps(value) for setting, value in json.loads(row.settings).items()}
    return optuna.trial.create_trial(params=params, distributions=choices, value=objective(row))


def score_of(result: Result, validation: Pool | ControlPool) -> float:
    """What tells trials apart that solve as many, as a share of what a solved plan has.

    Of puzzles the checker's mean score of the best plans. Of systems 1 / (1 + the mean gap), as a gap is infinite where
    a plan is infeasible.
    """
    if isinstance(validation, ControlPool):
        assert isinstance(result, ControlResult)
        return float(1.0 / (1.0 + result.gaps[:, -1].mean()))
    return float(result.scores.mean()) / (validation.mdp.task.max_score or 1.0)


@dataclass(frozen=True)
class Tuning:
    """What all trials have in common."""

    contestants: Contestants
    suite: str
    steps: int
    seed: int
    command: str

    def run(self, algo: str, tried: Sequence[TuningRow], progress: Callable[[int], None]) -> TuningRow:
        """Train the next trial of a method and score it on the validation pool.

        Args:
            algo: the method.
            tried: rows of all its trials so far, in order.
            progress: told the environment steps made, as they are made.

        Raises:
            ValueError: the method has no search space, or cannot be tuned on the suite.
        """
        check_spaces(self.contestants, [algo], self.suite)
        # Slow imports that listing and planning do without.
        import torch
        from stable_baselines3.common.callbacks import CallbackList

        from benchmarks.running.training import Told

        torch.set_num_threads(1)
        row = suite(self.suite)
        settings = suggest(self.contestants.SPACES[algo].on(row.env_id), tried, self.seed)
        method = self.contestants.METHODS[algo]
        model = method.make(row.env_id, row.env_kwargs, self.seed, settings=settings)
        since = time.perf_counter()
        model.learn(self.steps, callback=CallbackList([*method.callbacks(row.env_id), Told(progress)]))
        cost = Cost.of(model, time.perf_counter() - since)
        validation = scored_pool(row.env_id, method.env_kwargs_for(row.env_kwargs), "validation")
        greedy, sampled, _ = played(method, model, validation, self.seed)
        return TuningRow(
            suite=self.suite,
            algo=algo,
            seed=self.seed,
            steps=self.steps,
            trial=len(tried),
            settings=json.dumps(settings),
            n=greedy.n,
            solved=greedy.n_solved,
            success=greedy.success,
            score=score_of(greedy, validation),
            success_sampled=None if sampled is None else sampled.success,
            env_steps=cost.env_steps,
            model_queries=cost.model_queries,
            gradient_steps=cost.gradient_steps,
            wall_s=cost.wall_s,
            threads=1,
            pool_sha256=pool_hash(validation.instances),
            **provenance()._asdict(),
            command=self.command,
        )
