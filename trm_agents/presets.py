"""Settings of the published rows: what each method was run with on each environment.

`settings("hindsight_trm", "SudokuPlanEdit-9x9-v0")` gives keywords for `HindsightTRM`. `data` gives the same as JSON,
where variants of the benchmark change single values, and `built` makes keywords of it. Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trm_agents.solving import Starts

Data = dict[str, Any]
"""Settings as JSON. A list of two learning rates stands for a linear fall from one to the other."""

# 5 steps of 50 environments divide round budgets: an iteration never overshoots them.
HINDSIGHT_TRM: Data = {
    "learning_rate": [4e-3, 2e-4],
    "n_steps": 5,
    "batch_size": 32,
    "unroll": 4,
    "checker_steps": 8_000,
}
# Telling apart what is on the path and what is not is the whole task: both weigh the same. News of a gap has to travel
# the length of a way, so states are deep, and gradients flow through the end of them.
_MAZE: Data = {
    "learning_rate": [8e-3, 1e-4],
    "batch_size": 16,
    "train_ratio": 1.25,
    "solved_cell_weight": 1.0,
    "unroll": 48,
    "train_unroll": [8, 56, 14],
    "checker_steps": 40_000,
    "search": {"instances": 8, "calls": 100, "solutions": 4},
    "ema_decay": 0.998,
}
# As in mazes, bulbs and cells without one weigh the same, and what bulbs rule out has to travel. Few episodes
# succeed at first; the search, which succeeds by the rules alone on such puzzles, labels the others.
_LIGHT_UP: Data = {
    "learning_rate": [8e-3, 1e-4],
    "batch_size": 16,
    "train_ratio": 4.0,
    "min_buffer_size": 200,
    "solved_cell_weight": 1.0,
    "unroll": 32,
    "train_unroll": [8, 36, 12],
    "carry_unroll": 16,
    "checker_steps": 10_000,
    "search": {"instances": 8, "calls": 100, "solutions": 4},
}
# A graph has many colourings: as in mazes, what stands weighs as much as what is missing, and a search finds several.
_COLOURING: Data = {
    "batch_size": 16,
    "train_ratio": 2.0,
    "min_buffer_size": 200,
    "solved_cell_weight": 1.0,
    "unroll": 12,
    "train_unroll": [4, 16, 10],
    "search": {"instances": 8, "calls": 100, "solutions": 4},
}
# An instance is n^2 numbers: the memory keeps fewer states of large ones.
_LARGE_GRAPHS: Data = {"buffer_size": 20_000}
# 4x4 puzzles have few orbits: trained on long enough, the network fits those of the training pool and loses others.
_REGULARISED: Data = {"policy_kwargs": {"optimizer_kwargs": {"weight_decay": 1.0}}}
# Deep states find out what shallow ones do not, as long as gradients do not flow through all of it. Puzzles that the
# agent fails at would never be learned from: the search solves them, though with the shaped reward no gain has shown.
_DEEP: Data = {
    "unroll": 20,
    "train_unroll": [6, 24, 12],
    "checker_steps": 40_000,
    "search": {"instances": 4, "calls": 100},
}
# The latent of the state before remembers what has been tried, and has done most of the work already.
_LARGE_SUDOKU: Data = {**_DEEP, "carry_unroll": 12}
HINDSIGHT_TRM_OVERRIDES: dict[str, Data] = {
    "SudokuPlanEdit-4x4": _REGULARISED,
    "SudokuPlanEdit-9x9": _LARGE_SUDOKU,
    # Their 90 to 120 blanks of 256 take no long chains of logic.
    "SudokuPlanEdit-16x16": {"unroll": 10, "train_unroll": [6, 10, 10], "checker_steps": 20_000},
    "MazePlanEdit": _MAZE,
    "MazePlanEdit-15x15": {"unroll": 72, "train_unroll": [12, 96, 14]},
    # Their paths are longer than any pass of training: what the state before has found out goes on.
    "MazePlanEdit-Hard30x30": {"unroll": 400, "carry_unroll": 8},
    "LightUpPlanEdit": _LIGHT_UP,
    "GraphColouringPlanEdit": _COLOURING,
    "GraphColouringPlanEdit-50": _LARGE_GRAPHS,
    "GraphColouringPlanEdit-100": _LARGE_GRAPHS,
}

# A contraction forgets, so it takes more inner steps; the checker's advice is withdrawn at half the speed.
HINDSIGHT_TRM_CERTIFIED: Data = {
    **HINDSIGHT_TRM,
    "policy_kwargs": {"core": {"kind": "certified", "lipschitz": 0.9}},
    "unroll": 8,
    "train_unroll": [4, 8, 8],
    "checker_steps": 16_000,
}
HINDSIGHT_TRM_CERTIFIED_OVERRIDES: dict[str, Data] = {
    # It learns little from each gradient step: smaller batches make more of them.
    "SudokuPlanEdit-9x9": {**_DEEP, "batch_size": 16},
    "SudokuPlanEdit-16x16": _DEEP,
    "MazePlanEdit": {"unroll": 24, "train_unroll": [16, 24, 24], "checker_steps": 80_000, "search": {"instances": 4}},
}

# Nothing is alike in such a network before it has learned that. On 4x4 puzzles it may have a tenth of the weight decay.
HINDSIGHT_TRM_ATTENTION: Data = {
    **HINDSIGHT_TRM,
    "learning_rate": [4e-3, 1e-4],
    "policy_kwargs": {"width": 32, "core": {"kind": "attention"}, "optimizer_kwargs": {"weight_decay": 0.1}},
}
HINDSIGHT_TRM_ATTENTION_OVERRIDES: dict[str, Data] = {
    "SudokuPlanEdit-9x9": {
        "policy_kwargs": {"width": 48, "core": {"kind": "attention"}, "optimizer_kwargs": {"weight_decay": 0.1}},
    },
}

# 25 steps of 16 environments divide round budgets too.
UPI_TRM: Data = {"learning_rate": [3e-3, 3e-4], "n_steps": 25, "unroll": 4}
UPI_TRM_EXACT: Data = {**UPI_TRM, "mixture": {"kind": "exact", "alpha": 0.3}}
STAGE_0: Data = {**UPI_TRM, "checker_weight": 1.0}
# Enumerating hundreds of successors of hundreds of tokens is what takes the time there: values are read instead.
_LARGE: Data = {"advantage": "readout", "n_epochs": 2}
UPI_TRM_OVERRIDES: dict[str, Data] = {
    "SudokuPlanEdit-9x9": _LARGE,
    "SudokuPlanEdit-16x16": _LARGE,
    "SudokuPlanEdit-25x25": _LARGE,
    "MazePlanEdit-31x31": _LARGE,
}

UPI_TRM_SURVIVAL: Data = {
    "learning_rate": [4e-3, 1e-4],
    "n_steps": 5,
    "batch_size": 16,
    "n_epochs": 1,
    "unroll": 4,
    "train_unroll": [4, 6, 6],
    "ema_decay": 0.98,
    "target": {"kind": "survival"},
}
# Refutations are long there: depth finds them, and so do forced edits. Labels take more time than gradient steps.
_SURVIVAL_9X9: Data = {
    "n_epochs": 2,
    "unroll": 32,
    "train_unroll": [8, 32, 10],
    "ema_decay": 0.99,
    "target": {"kind": "survival", "rounds": 3, "room": 0.05, "successors": 2, "exploration": 0.0},
}
UPI_TRM_SURVIVAL_OVERRIDES: dict[str, Data] = {"SudokuPlanEdit-9x9": _SURVIVAL_9X9, "SudokuPlace-9x9": _SURVIVAL_9X9}

TRC: Data = {
    "learning_rate": [4e-3, 4e-5],
    "batch_size": 48,
    "unroll": 2,
    "restart": 0.125,
    "exploration": 0.05,
    "ema_decay": 0.995,
    "policy_kwargs": {"width": 32, "hidden_time": 48},
}
# Far from the training states most controls are clipped there, and only noise tells what lies behind a bound.
_TIGHT: Data = {"exploration": 0.1}
# In an environment with accept="improving" and observe="gradient".
_NARROW, _WIDE = ({"width": width, "hidden_time": 32} for width in (16, 44))
_DESCENT: Data = {"learning_rate": [8e-3, 8e-5], "restart": 0.25, "exploration": 0.0, "policy_kwargs": _NARROW}
TRC_OVERRIDES: dict[str, Data] = {
    "ControlPlanEdit-DoubleIntegratorTight": _TIGHT,
    "ControlPlanEdit-PoweredDescent": _DESCENT,
}
# As many pairs as an action has numbers: the estimate is then as good as difference quotients are.
TRC_ANTITHETIC: Data = {**TRC, "credit": "antithetic", "pairs": 60, "exploration": 0.0}
TRC_ANTITHETIC_OVERRIDES: dict[str, Data] = {
    "ControlPlanEdit-VanDerPol": {"pairs": 200, "batch_size": 16},
    # A landing is restored for each plan that is tried: many pairs would take hours.
    "ControlPlanEdit-PoweredDescent": {"pairs": 8, "restart": 0.17, "policy_kwargs": _WIDE},
}


def _with_target(kind: str) -> tuple[Data, dict[str, Data]]:
    """The same, with another target of all edits; survival's exploration, and nothing else of its own."""
    target = {"kind": kind}
    large = {**_SURVIVAL_9X9, "target": {**target, "exploration": _SURVIVAL_9X9["target"]["exploration"]}}
    return {**UPI_TRM_SURVIVAL, "target": target}, dict.fromkeys(UPI_TRM_SURVIVAL_OVERRIDES, large)


PRESETS: dict[str, tuple[Data, dict[str, Data]]] = {
    "hindsight_trm": (HINDSIGHT_TRM, HINDSIGHT_TRM_OVERRIDES),
    "hindsight_trm-certified": (HINDSIGHT_TRM_CERTIFIED, HINDSIGHT_TRM_CERTIFIED_OVERRIDES),
    "hindsight_trm-attention": (HINDSIGHT_TRM_ATTENTION, HINDSIGHT_TRM_ATTENTION_OVERRIDES),
    "upi_trm": (UPI_TRM, UPI_TRM_OVERRIDES),
    "upi_trm-exact": (UPI_TRM_EXACT, UPI_TRM_OVERRIDES),
    "upi_trm-survival": (UPI_TRM_SURVIVAL, UPI_TRM_SURVIVAL_OVERRIDES),
    "upi_trm-outcome": _with_target("outcome"),
    "upi_trm-cost_to_go": _with_target("cost_to_go"),
    "upi_trm-violations": _with_target("violations"),
    "stage0": (STAGE_0, UPI_TRM_OVERRIDES),
    "trc": (TRC, TRC_OVERRIDES),
    "trc-antithetic": (TRC_ANTITHETIC, TRC_ANTITHETIC_OVERRIDES),
}
"""Method -> its settings, and those that replace them where the environment id starts with the key."""

SMALL: Data = {
    "learning_rate": 4e-3,
    "n_steps": 5,
    "batch_size": 32,
    "unroll": 4,
    "min_buffer_size": 200,
}
"""Keywords of `HindsightTRM` for a small puzzle of one's own, played in 16 to 50 environments at once."""

ATTEMPTS: dict[str, Data] = {
    # What a latent settles on may be wrong, as the checker says, and other guesses lead elsewhere.
    "SudokuPlanEdit-9x9": {"unroll": 120, "by": {"kind": "guesses", "early_unroll": 20}},
    "MazePlanEdit": {"unroll": 144, "carry_unroll": 48},
    "MazePlanEdit-15x15": {"unroll": 100, "by": {"kind": "refinements", "in_a_row": 7}, "carry_unroll": 72},
    "MazePlanEdit-Hard30x30": {"unroll": 200, "carry_unroll": 8},
}
"""Keywords of `Attempts` beside their number, where the environment id starts with the key."""
STARTS: dict[str, Data] = {"MazePlanEdit": {"sure": 0.02}}
"""The same of `Starts`, which are as deep as attempts."""


def overridden(base: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]], env_id: str) -> Data:
    """Settings on one environment: those of every key that its id starts with replace the ones before."""
    merged = deepcopy(dict(base))
    for prefix, changes in overrides.items():
        if env_id.rpartition(":")[2].startswith(prefix):
            merged.update(deepcopy(dict(changes)))
    return merged


def data(name: str, env_id: str) -> Data:
    """Settings of a method on an environment, as JSON.

    Raises:
        ValueError: there is no such method.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown method {name!r}; presets are there for {', '.join(PRESETS)}")
    return overridden(*PRESETS[name], env_id)


def settings(name: str, env_id: str) -> dict[str, Any]:
    """Settings of a method on an environment, as keywords of its algorithm.

    Raises:
        ValueError: there is no such method.
    """
    return built(data(name, env_id))


def attempts(env_id: str) -> dict[str, Any]:
    """Keywords of `Attempts`, beside the number of attempts, on an environment."""
    return solver_keywords(overridden({}, ATTEMPTS, env_id))


def starts(env_id: str, most: int) -> Starts:
    """So many starts of a policy, with their settings on an environment."""
    from trm_agents.solving import Starts

    return Starts(most, overridden({}, ATTEMPTS, env_id).get("unroll"), **overridden({}, STARTS, env_id))


def solver_keywords(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of `Attempts`, made of settings as JSON."""
    return {key: _object(key, value) if key == "by" else value for key, value in given.items()}


def built(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of an algorithm, made of settings as JSON: schedules, searches, mixtures and cores become objects.

    Raises:
        ValueError: an object is of an unknown kind, or has a setting that its kind does not take.
    """
    keywords = deepcopy(dict(given))
    if isinstance(keywords.get("learning_rate"), list):
        from stable_baselines3.common.utils import LinearSchedule

        first, last = keywords["learning_rate"]
        keywords["learning_rate"] = LinearSchedule(first, last, end_fraction=1.0)
    for holder in (keywords, keywords.get("policy_kwargs", {})):
        for key in OBJECTS:
            if isinstance(holder.get(key), dict):
                holder[key] = _object(key, holder[key])
    return keywords


def _kinds() -> dict[str, dict[str, Callable[..., Any]]]:
    from trm_agents.hindsight import Search
    from trm_agents.recursion import (
        Attention,
        Cells,
        CertifiedDense,
        CertifiedExactCover,
        Dense,
        Discovered,
        ExactCover,
    )
    from trm_agents.solving import Guesses, Refinements, Restarts, Starts
    from trm_agents.survival import Survival
    from trm_agents.theory.clamped import ClampedExactCover
    from trm_agents.upi_trm import CostToGo, Distilled, Exact, KStep, Outcome, SafeStep, Violations

    def exact(alpha: float | str = 0.3, capacity: int = 16) -> Exact:
        return Exact(SafeStep() if alpha == "safe" else float(alpha), capacity)

    return {
        "search": {"": Search},
        "target": {
            "k_step": KStep,
            "survival": Survival,
            "outcome": Outcome,
            "cost_to_go": CostToGo,
            "violations": Violations,
        },
        "mixture": {"distilled": Distilled, "exact": exact},
        "core": {
            "exact_cover": ExactCover,
            "cells": Cells,
            "discovered": Discovered,
            "attention": Attention,
            "certified": CertifiedExactCover,
            "clamped": ClampedExactCover,
            "dense": Dense,
            "certified_dense": CertifiedDense,
        },
        "starts": {"": Starts},
        "by": {"restarts": Restarts, "refinements": Refinements, "guesses": Guesses},
    }


OBJECTS = ("search", "target", "mixture", "core", "starts")
"""Settings that are objects; as JSON `{"kind": ..., its keywords}`, where there are several kinds."""


def _object(key: str, given: Mapping[str, Any]) -> Any:
    """The object that a setting stands for; the first kind where none is named."""
    kinds, keywords = _kinds()[key], dict(given)
    kind = keywords.pop("kind", next(iter(kinds)))
    if kind not in kinds:
        raise ValueError(f"unknown kind {kind!r} of {key}; known ones: {', '.join(kinds)}")
    try:
        return kinds[kind](**keywords)
    except TypeError as error:
        raise ValueError(f"{key}={dict(given)}: {error}") from None
