"""Types of settings: what `NAME@SETTING=VALUE` may say, by the annotations of what takes the value."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from baselines.control_method import ControlMethod
from baselines.method import Method
from baselines.walking import DEPTHS
from trm_agents import presets

Hints = dict[str, Any]
"""Keyword -> its annotation."""

_PASSED = {
    *("self", "policy", "env", "seed", "device", "tensorboard_log", "_init_setup_model"),
    *("observation_space", "action_space", "lr_schedule", "mdp", "unroll", "carry_unroll", "starts", "beta"),
    *("advantage_head", "mixture_capacity", "value_scale", "params"),
}
"""Keywords that whoever makes a model, a policy or an optimiser passes itself, or that name places to write to."""
_LISTS = {
    "learning_rate": (2, "[first, last]"),
    "train_unroll": (3, "[low, high, gradient]"),
    DEPTHS: (2, "[least, most]"),
}
"""Settings whose lists have one length that no annotation tells."""
_SPELLING = {"true": "true", "false": "false", "none": "null", "null": "null"}


def check(row: Method, settings: Mapping[str, Any]) -> None:
    """Refuse settings that a row has not, or whose value is of another type.

    Args:
        row: the row with these settings already in it: they may choose the kind of an object.
        settings: values as JSON by name, as in `Method.with_settings`.

    Raises:
        ValueError: a setting is unknown, contains another one, or has a value that does not fit.
    """
    for setting, value in settings.items():
        if whole := [s for s in settings if setting.startswith(f"{s}.")]:
            raise ValueError(f"{whole[0]!r} and {setting!r} set the same thing: leave out one of them")
        _check(row, setting, value)
    if row.walking is not None:
        row.walking.check()


def _check(row: Method, setting: str, value: Any) -> None:
    group, _, key = setting.rpartition(".")
    known = _keywords(row, group)
    if key not in known:
        names = ", ".join(f"{group}.{name}" if group else name for name in sorted(known)) or f"none in {group!r}"
        names += "; network.KEY changes its network" if row.network is not None and group == "policy_kwargs" else ""
        raise ValueError(f"{row.name!r} has no setting {setting!r}; known ones: {names}")
    if isinstance(value, dict) and _keywords(row, setting):
        for inner, inner_value in value.items():
            _check(row, f"{setting}.{inner}", inner_value)
        return
    hint = known[key]
    # What is an object is written by its keywords, and left out where its annotation says so.
    is_object = key in presets.OBJECTS
    fitting = value is None and type(None) in get_args(hint) if is_object else _listed(key, value, hint)
    if not fitting:
        raise ValueError(f"{setting}={_word(value)} of {row.name!r} must be {_wanted(key, hint)}{_hint_at(value)}")


def _keywords(row: Method, group: str) -> Hints:
    """Keywords inside a group of settings, `policy_kwargs.core` for one; none where it is no group."""
    algorithm: Any = resolve_name(row.algorithm)
    if group == "":
        known = _without_passed(_hints(algorithm.__init__), "unroll", "carry_unroll", "starts", "beta")
        if row.network is None and row.walking is None:
            return known
        # The recursive network takes the place of what a policy is given.
        known.pop("policy_kwargs")
        return known | (_words() if row.walking is not None else {})
    if group == "env" and isinstance(row, ControlMethod):
        from trm_envs.control.sources import EditOptions

        return dict(get_type_hints(EditOptions))
    if group == "env":
        from trm_envs.colouring.sources import ColouringOptions
        from trm_envs.light_up.sources import LightUpOptions
        from trm_envs.maze.sources import MazeOptions
        from trm_envs.maze.walk_env import OpenWalkOptions, WalkOptions
        from trm_envs.sudoku.sources import SudokuOptions

        families = (ColouringOptions, LightUpOptions, MazeOptions, WalkOptions, OpenWalkOptions, SudokuOptions)
        return {key: hint for family in families for key, hint in get_type_hints(family).items()}
    if group == "network" and row.network is not None:
        from trm_agents.recursion import token_network

        return _without_passed(_hints(token_network), "unroll")
    if (
        row.network is None
        and row.walking is None
        and group in ("policy_kwargs", "policy_kwargs.optimizer_kwargs", "policy_kwargs.core")
    ):
        policy = resolve_name(row.policy) if ":" in row.policy else algorithm.policy_aliases[row.policy]
        known = _without_passed(_of_policy(policy))
        if group == "policy_kwargs":
            return known
        if group.endswith("optimizer_kwargs"):
            optimizer = inspect.signature(policy.__mro__[_last_init(policy)].__init__).parameters["optimizer_class"]
            return _without_passed(_hints(optimizer.default.__init__))
        return _of_object(row, group) if "core" in known else {}
    return _of_object(row, group) if group in _hints(algorithm.__init__) else {}


def _words() -> Hints:
    """Keywords of a recursive policy that a row may set: of what its environment shows, and of JSON."""
    from trm_agents.recursive_policies import Options

    hints = {name: hint for name, hint in _hints(Options).items() if name not in ("action_conditioning", "groups")}
    return {**hints, DEPTHS: tuple[int, int] | None}


def _of_object(row: Method, group: str) -> Hints:
    """Keywords of a search, a mixture or a core, of the kind that the row has."""
    *outer, key = group.split(".")
    if key not in presets.OBJECTS:
        return {}
    given: Any = row.hyperparameters_for("")
    for name in (*outer, key):
        given = given.get(name) or {}
    kinds = presets._kinds()[key]
    kind = given.get("kind", next(iter(kinds)))
    if kind not in kinds:
        raise ValueError(f"unknown kind {kind!r} of {group}; known ones: {', '.join(kinds)}")
    named = {"kind": Literal[tuple(kinds)]} if len(kinds) > 1 else {}
    return {**named, **_hints(kinds[kind])}


def _of_policy(policy: type) -> Hints:
    """Keywords of a policy and of the classes that it passes keywords on to."""
    hints: Hints = {}
    for kind in policy.__mro__[: _last_init(policy) + 1]:
        if "__init__" in vars(kind):
            hints = {**_hints(vars(kind)["__init__"]), **hints}
    return hints


def _last_init(policy: type) -> int:
    """Place in the method resolution order of the first constructor that passes no keywords on."""
    for place, kind in enumerate(policy.__mro__):
        if "__init__" in vars(kind):
            parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                return place
    raise ValueError(f"{policy.__name__} passes all keywords on")


def _hints(function: Callable[..., Any]) -> Hints:
    """Annotations of the parameters of a function or class; Any where there is none."""
    from stable_baselines3.common.vec_env import VecEnv

    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    notes = {p.name: Any if p.annotation is p.empty else p.annotation for p in named}
    holder: Any = SimpleNamespace(__annotations__=notes)
    # The fields of a dataclass are annotated where its bases are.
    homes = [kind.__module__ for kind in getattr(function, "__mro__", (function,))]
    names = {name: value for home in reversed(homes) for name, value in vars(sys.modules[home]).items()}
    # SB3 imports the name of its vector environments for type checkers only.
    return get_type_hints(holder, names, {"VecEnv": VecEnv})


def _without_passed(hints: Hints, *kept: str) -> Hints:
    return {name: hint for name, hint in hints.items() if name not in _PASSED or name in kept}


def _listed(key: str, value: Any, hint: Any) -> bool:
    if key not in _LISTS or not isinstance(value, list):
        return _fits(value, hint)
    number = float if key == "learning_rate" else int
    return len(value) == _LISTS[key][0] and all(_fits(v, number) for v in value)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of a type; True and False are no numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(value, str) and value.lower() in _SPELLING:
        return False
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(inner) and all(map(_fits, value, inner))
    if origin in (list, Sequence):
        return isinstance(value, list) and all(_fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if hint is float:
        return type(value) in (int, float) and isfinite(value)
    return type(value) is hint


def _wanted(key: str, hint: Any) -> str:
    """A type in the words of JSON."""
    origin, inner = get_origin(hint), get_args(hint)
    if key in presets.OBJECTS:
        return f"given by {key}.SETTING=VALUE" + (" or null" if type(None) in inner else "")
    if origin in (Union, types.UnionType):
        # What no text stands for, a class or a function, is left out.
        words = [f"a list {_LISTS[key][1]}" if key in _LISTS else "", *(_wanted(key, one) for one in inner)]
        return " or ".join(dict.fromkeys(filter(None, words)))
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return f"a list of {len(inner)}"
    words_of = {bool: "true or false", int: "an integer", float: "a number", str: "a word", type(None): "null"}
    listed = f"a list {_LISTS[key][1]}" if key in _LISTS else "a list"
    return {**words_of, list: listed, Sequence: listed, dict: "a JSON object"}.get(origin or hint, "")


def _word(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _hint_at(value: Any) -> str:
    """The right spelling of a word that means a JSON constant."""
    right = _SPELLING.get(value.lower()) if isinstance(value, str) else None
    return f"; the word is spelt {right}" if right else ""
