"""Form, purity, determinism and batch independence of a task's methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids, PlanTask
from trm_envs.testing.states import LEVELS, States, fail

Arrays = tuple[NDArray[Any], ...]


class Form(NamedTuple):
    """What an array must look like."""

    name: str
    shape: tuple[int, ...]
    """Without the batch."""
    dtype: type


class Call(NamedTuple):
    """A method and the form of what it returns."""

    method: str
    function: Callable[..., Any]
    """(instances, plans, actions, decided) -> an array or a tuple of them."""
    forms: Sequence[Form]
    is_kept: bool = True
    """Environments keep the arrays and write into them: each call must return new ones."""


def calls_of(task: PlanTask) -> list[Call]:
    """Every batched method."""
    cells, pairs = (task.n_cells,), (task.n_cells, task.n_symbols)
    counts = [Form(name, (), np.int64) for name in ("filled", "violations", "dead_ends")]
    checks = [Form("score", (), np.float64), Form("solved", (), np.bool_), *counts]
    calls = [
        Call("initial_plans", lambda x, y, a, d: task.initial_plans(x), [Form("plans", cells, np.int8)]),
        Call("check", lambda x, y, a, d: tuple(task.check(x, y)), checks),
        Call("token_types", lambda x, y, a, d: task.token_types(x, y), [Form("types", pairs, np.int8)], False),
        Call("hopeless", lambda x, y, a, d: task.hopeless(x, y, d), [Form("hopeless", (), np.bool_)]),
    ]
    if task.edits_cells:
        calls.append(Call("writes", lambda x, y, a, d: task.writes(y), [Form("values", pairs, np.int8)], False))
    for level in LEVELS:
        mask = Form("mask", (task.n_actions,), np.bool_)
        edited = [Form("plans", cells, np.int8), Form("legal", (), np.bool_)]
        calls += [
            Call(f"action_mask at {level!r}", lambda x, y, a, d, at=level: task.action_mask(x, y, at), [mask]),
            Call(f"edit at {level!r}", lambda x, y, a, d, at=level: task.edit(x, y, a, at), edited),
        ]
    return calls


def first_states(task: PlanTask, instances: Grids) -> States:
    """The states that episodes begin in, from an `initial_plans` of good form."""
    nothing = np.zeros(len(instances), np.int64), np.zeros((len(instances), task.n_cells), np.bool_)
    (plans,) = _called(calls_of(task)[0], (instances, instances, *nothing))
    return States(instances, plans, np.arange(1, len(instances) + 1))


def check_calls(task: PlanTask, states: States, rng: np.random.Generator) -> None:
    """Try every method on the same states, twice, and row by row."""
    batch = len(states.plans)
    actions = rng.integers(task.n_actions, size=batch)
    decided = rng.random(states.plans.shape) < 0.5
    for call in calls_of(task):
        arguments = (states.instances, states.plans, actions, decided)
        results, again = _called(call, arguments), _called(call, arguments)
        for form, result, second in zip(call.forms, results, again, strict=True):
            name = f"{call.method} ({form.name})"
            if not np.array_equal(result, second):
                fail(name, "two calls with the same arguments give different results", "use no state and no randomness")
            if call.is_kept and (np.shares_memory(result, second) or not result.flags.writeable):
                fail(name, "the array is shared by several calls or read-only", "return a new array from each call")
        _check_rows(call, arguments, results, states)
        if call.method == "token_types" and (results[0].min() < 0 or results[0].max() >= task.n_token_types):
            fail(call.method, f"got {results[0].min()} to {results[0].max()}", f"stay in 0..{task.n_token_types - 1}")


def _called(call: Call, arguments: Arrays) -> Arrays:
    """What a method returns, tried for form and purity."""
    given = tuple(array.copy() for array in arguments)
    returned = call.function(*given)
    results = returned if isinstance(returned, tuple) else (returned,)
    if len(results) != len(call.forms):
        fail(call.method, f"returned {len(results)} values", f"return {len(call.forms)}")
    for form, result in zip(call.forms, results, strict=True):
        name, wanted = f"{call.method} ({form.name})", (len(given[0]), *form.shape)
        if not isinstance(result, np.ndarray):
            fail(name, f"returned a {type(result).__name__}", f"return an array of shape {wanted}")
        if result.shape != wanted or result.dtype != form.dtype:
            wish = f"return shape {wanted} and dtype {np.dtype(form.dtype)}"
            fail(name, f"returned shape {result.shape} and dtype {result.dtype}", wish)
        if any(np.shares_memory(result, array) for array in given):
            fail(name, "the result shares memory with an argument", "return a copy")
    if not all(np.array_equal(array, before) for array, before in zip(given, arguments, strict=True)):
        fail(call.method, "an argument was changed in place", "work on a copy, such as plans.copy()")
    return results


def _check_rows(call: Call, arguments: Arrays, results: Arrays, states: States) -> None:
    """A batch must give what its rows give alone, and an empty batch nothing."""
    for row in range(len(states.plans)):
        alone = _called(call, tuple(array[row : row + 1] for array in arguments))
        for form, result, single in zip(call.forms, results, alone, strict=True):
            if not np.allclose(result[row], single[0], rtol=1e-12, atol=1e-12):
                found = "a batch gives another result than the row alone"
                fail(f"{call.method} ({form.name})", found, "let no row look at another", int(states.numbers[row]))
    try:
        _called(call, tuple(array[:0] for array in arguments))
    except (ValueError, IndexError) as error:
        fail(call.method, f"an empty batch raises {error!r}", "return arrays of length 0")
