"""Rows of systems: what they are given, against what their policies read, and which edits they play."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baselines import METHODS, ControlMethod, known_to
from benchmarks.protocol.control import ControlPool
from benchmarks.protocol.suites import scored_pool, suite
from trm_agents import TRC

SUITES = ("control-vdp", "control-descent")
ROWS = [name for name, row in METHODS.items() if row.supports(suite("control-vdp").env_id)]
OTHERS = ["trc@env.observe=gradient", "trc-gradient@env.observe=error", "trc@credit=antithetic@env.observe=gradient"]


def reads_gradient(name: str, suite_name: str) -> bool:
    """Whether an action of a fresh model depends on an observed gradient, of a plan that violates nothing."""
    row = suite(suite_name)
    model = METHODS[name].make(row.env_id, row.env_kwargs, 0)
    seen: Any = model.get_env().reset()  # type: ignore[union-attr]
    if "gradient" not in seen:
        return False
    if "violation" in seen:
        seen["violation"] = np.full_like(seen["violation"], -1.0)
    shape, rng = seen["gradient"].shape, np.random.default_rng(0)
    first, second = (
        model.predict({**seen, "gradient": rng.uniform(-1.0, 1.0, shape).astype(np.float32)}, deterministic=True)[0]
        for _ in range(2)
    )
    return not np.array_equal(first, second)


@pytest.mark.parametrize("suite_name", SUITES)
@pytest.mark.parametrize("name", [*ROWS, *OTHERS])
def test_a_gradient_in_play_is_known_where_the_policy_reads_one(name: str, suite_name: str) -> None:
    known = known_to(name, suite(suite_name).env_kwargs)
    assert known is not None and ("gradient in play" in known) == reads_gradient(name, suite_name)


def test_which_rows_read_a_gradient_at_test_time() -> None:
    read = {name: [name_ for name_ in ROWS if "gradient in play" in _known(name_, name)] for name in SUITES}
    assert read == {
        "control-vdp": ["trc-gradient"],
        "control-descent": ["trc", "trc-gradient", "ppo-edit"],
    }


def test_lines_that_take_derivatives_at_the_plan_that_stands() -> None:
    taken = {"ilqr_1", "ilqr_3", "ilqr_20", "reduced_gradient_20", "reduced_gradient_50"}
    named = {"zero", "clipped_lqr", "guidance_grid", "stored_reference"} | taken
    assert {name for name in named if "gradient in play" in _known(name, "control-vdp")} == taken
    assert not any("gradient" in _known(name, "control-vdp") for name in named)


def test_credit_says_what_training_is_given() -> None:
    for name in ROWS:
        row = METHODS[name]
        if row.algorithm == "trm_agents:TRC":
            env = suite("control-vdp")
            model = row.make(env.env_id, env.env_kwargs, 0)
            assert isinstance(model, TRC)
            assert ("gradient" in row.knows) == (model.credit == "adjoint")
            assert ("checker" in row.knows) == (model.credit == "antithetic")
    assert known_to("trc@credit=antithetic") == METHODS["trc@credit=antithetic"].knows == ("model", "checker")
    assert known_to("trc-antithetic@credit=adjoint") == ("model", "gradient")


def test_a_row_plays_the_edits_that_it_was_trained_with() -> None:
    row, method = suite("control-di-tight"), METHODS["trc@env.edit=window"]
    pool = scored_pool(row.env_id, row.env_kwargs, "validation")
    assert isinstance(pool, ControlPool) and isinstance(method, ControlMethod)
    model = method.make(row.env_id, row.env_kwargs, 0, settings={"batch_size": 8}).learn(32)
    planner: Any = method.planner(model, pool.mdp)
    assert planner.mdp.task.kind == "window" != pool.mdp.task.kind  # type: ignore[attr-defined]
    plans = planner.plan(pool.instances, (1, 2)).plans
    changed = (plans[0] != pool.mdp.initial(pool.instances).plans).sum(axis=1)
    # A first edit that makes a plan worse is not the best one.
    assert set(changed.tolist()) <= {0, 10} and (changed == 10).mean() > 0.5


def _known(name: str, suite_name: str) -> tuple[str, ...]:
    known = known_to(name, suite(suite_name).env_kwargs)
    assert known is not None
    return known
