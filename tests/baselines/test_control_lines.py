"""Reference lines of systems to control against their known costs and each other."""

from __future__ import annotations

import numpy as np
import pytest

import baselines
from baselines import control_lines
from baselines.control_lines import LINES, gaps, plans_of, reference_costs
from trm_envs.control.descent import DescentTask
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.linear import lqr
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.reference import reference
from trm_envs.control.sources import pool_instances
from trm_envs.control.systems import DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT, VAN_DER_POL

POOLS = {
    "di": (DOUBLE_INTEGRATOR, "control-double-integrator", None),
    "tight": (DOUBLE_INTEGRATOR_TIGHT, "control-double-integrator", None),
    "vdp": (VAN_DER_POL, "control-van-der-pol", (1.0, 1.0)),
}


QUADRATIC = [name for name in LINES if baselines.LINES[name].supports("ControlPlanEdit-VanDerPol-v0")]
DESCENT = [name for name in LINES if baselines.LINES[name].supports("ControlPlanEdit-PoweredDescent-v0")]


@pytest.mark.parametrize("name", POOLS)
def test_lines_are_ordered_within_bounds_and_never_below_the_optimum(name):
    system, pool, mu = POOLS[name]
    task, instances = QuadraticTask(system), pool_instances(pool, "validation", False, mu)[:20]
    mean = {}
    for line in QUADRATIC:
        plans = plans_of(line, task, instances)
        assert plans.shape == (20, task.horizon) and (np.abs(plans) <= system.u_max).all()
        gap = gaps(task, instances, plans)
        assert gap.min() > -1e-6, line
        mean[line] = gap.mean()
    assert mean["zero"] > 1.0 > 0.01 > mean["clipped_lqr"] >= mean["ilqr_1"] >= mean["ilqr_3"]
    assert mean["stored_reference"] == pytest.approx(0.0, abs=1e-9)
    assert mean["ilqr_20"] < 1e-3


def test_lines_of_powered_descent_land_and_get_cheaper():
    """The grid's plans are restored to a landing; steps along the reduced gradient only ever save fuel."""
    task, instances = DescentTask(), descent_instances("validation", "shallow")[:3]
    gap = {line: gaps(task, instances, plans_of(line, task, instances)) for line in DESCENT}
    feasible = {line: task.check(instances, plans_of(line, task, instances)).feasible for line in DESCENT}
    assert not feasible.pop("zero").any() and all(one.all() for one in feasible.values())
    assert (gap["guidance_grid"] > gap["reduced_gradient_20"]).all()
    assert (gap["reduced_gradient_20"] >= gap["reduced_gradient_50"]).all()
    assert (gap["reduced_gradient_50"] > 0.0).all() and np.allclose(gap["stored_reference"], 0.0)
    assert set(QUADRATIC) & set(DESCENT) == {"zero", "stored_reference"}


def test_clipped_lqr_costs_what_the_riccati_equation_says_where_nothing_is_clipped():
    task, instances = QuadraticTask(DOUBLE_INTEGRATOR), np.array([[0.3, -0.1], [0.0, 0.2]])
    values = lqr(DOUBLE_INTEGRATOR).values[0]
    cost = task.check(instances, plans_of("clipped_lqr", task, instances)).cost
    np.testing.assert_allclose(cost, np.einsum("bi,ij,bj->b", instances, values, instances), rtol=1e-9)


def test_reference_costs_follow_the_instances_whatever_their_order_and_pool():
    task = QuadraticTask(VAN_DER_POL)
    asked, expected = [], []
    for split, ood, mu in (("test", True, (1.0, 1.0)), ("validation", False, (0.5, 0.5)), ("test", False, (0.5, 2.0))):
        asked.append(pool_instances("control-van-der-pol", split, ood, mu)[5:8])
        expected.append(reference(VAN_DER_POL, split, ood, mu).costs[5:8])
    order = np.random.default_rng(0).permutation(9)
    found = reference_costs(task, np.concatenate(asked)[order])
    np.testing.assert_array_equal(found, np.concatenate(expected)[order])


def test_unknown_lines_and_instances_are_refused_by_name():
    task = QuadraticTask(DOUBLE_INTEGRATOR)
    with pytest.raises(ValueError, match="unknown line 'magic' of control; known ones: zero, clipped_lqr"):
        plans_of("magic", task, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"instance 0, \[0.123, 0.0\], is in no pool that has reference optima"):
        control_lines.stored_reference(task, np.array([[0.123, 0.0]]))
