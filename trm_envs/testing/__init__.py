"""Does a task of your own keep the word that a `PlanTask` gives? `check_task(task, instances)` tries it."""

from __future__ import annotations

import pickle

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.task import Grids, PlanTask
from trm_envs.testing.calls import check_calls, first_states
from trm_envs.testing.hints import check_drawing, check_graphs, check_groups, check_hopeless, check_symmetries
from trm_envs.testing.rules import check_checker, check_edits, check_instances
from trm_envs.testing.states import fail, known_solutions, walked_states

__all__ = ["check_task"]


def check_task(task: PlanTask, instances: Grids, solutions: Grids | None = None, *, seed: int = 0) -> None:
    """Try a task on some of its instances; return nothing where all is well.

    It walks at random from the first plans, and tries on the plans that it meets:

    - *Form*: shapes and dtypes of what every method returns.
    - *Pure functions*: inputs stay as they are, outputs share no memory with them, the same call gives the same answer,
      and a batch gives what its rows give alone.
    - *Edits*: `edit` agrees with `action_mask` at both levels and with `writes`, and changes no cell but its own, if
      the task `edits_cells`.
    - *Checker*: solved plans have no violation, scores do not exceed `max_score`, first plans are not solved.
    - *Hints*: `groups` name cells and `neighbours` are mutual, legality and checks go along with `symmetries`, and
      `hopeless` is sound and monotone.
    - *The rest*: `validate` accepts the instances, the task can be pickled, a state can be drawn.

    Solved plans are found by brute force on instances with at most 2^16 plans. Give at least one instance that small,
    or `solutions`; without solved plans a warning says what could not be tried.

    Args:
        task: the task to try.
        instances: some of its instances, shape (n, n_instance_cells), integers; the first 16 are used.
        solutions: a solved plan of each instance where you know one, shape (n, n_cells).
        seed: of the random walks.

    Raises:
        AssertionError: the task breaks its word. The message names the method, the instance (counted from 1), what was
            found, and the remedy.
        ValueError: `instances` or `solutions` have a wrong shape or type.
    """
    grids = _grids(instances, task.n_instance_cells, "instances")[:16]
    plans = None if solutions is None else _grids(solutions, task.n_cells, "solutions")[:16]
    if plans is not None and len(plans) != len(grids):
        raise ValueError(f"there must be one solution an instance, got {len(plans)} for {len(grids)} instances")
    rng = np.random.default_rng(seed)
    check_groups(task)
    if task.has_graphs:
        check_graphs(task, grids)
    check_calls(task, first_states(task, grids), rng)
    check_instances(task, grids)
    states = walked_states(task, grids, rng)
    check_calls(task, states, rng)
    check_edits(task, states)
    solved = known_solutions(task, grids, plans)
    check_checker(task, states, solved)
    check_symmetries(task, states, solved, rng)
    check_hopeless(task, states, solved, rng)
    _check_pickle(task, grids)
    check_drawing(task, states)


def _grids(grids: NDArray[np.integer] | Grids, width: int, name: str) -> Grids:
    """What the user gave as int8 grids."""
    array = np.asarray(grids)
    if array.ndim != 2 or array.shape[1] != width or len(array) == 0:
        raise ValueError(f"{name} must have shape (n, {width}) with n >= 1, got {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, got dtype {array.dtype}")
    return array.astype(np.int8)


def _check_pickle(task: PlanTask, instances: Grids) -> None:
    """Environments in other processes, and saved agents, hold a pickled task."""
    plans = task.initial_plans(instances)
    remedy = "define the class at the top of a module and keep constants only: no lambdas, files or generators"
    try:
        copy = pickle.loads(pickle.dumps(task))
    except Exception as error:
        fail("pickle", f"the task cannot be pickled ({error})", remedy)
    if not np.array_equal(copy.check(instances, plans).score, task.check(instances, plans).score):
        fail("pickle", "a pickled copy scores plans differently", "set all that `check` needs in __init__")
