"""Every shipped instance and reference optimum of powered descent, checked again in our own simulator."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from control_helpers import some_descents

from trm_envs import pools
from trm_envs.building.build import encode
from trm_envs.building.ipopt_descent import solve_descent
from trm_envs.building.references import REFERENCES, SPLITS, DescentRow, check_reference
from trm_envs.building.table import POOLS
from trm_envs.building.verify import verify_pools
from trm_envs.control.descent import PASSES, DescentTask
from trm_envs.control.descent_generator import draw_witnesses, faults, orbit_keys, training_instances
from trm_envs.control.descent_kernels import restore
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.guidance import hover_grid, reduced_gradient
from trm_envs.control.lander import VEHICLE
from trm_envs.control.pool import DescentPool
from trm_envs.control.reference import descent_reference
from trm_envs.pools.reference import reference_manifest
from trm_envs.pools.source import split_of_key

DESCENT = {name: source for name, source in POOLS.items() if isinstance(source, DescentPool)}
ROWS = [(row.approach, split) for row in REFERENCES.values() if isinstance(row, DescentRow) for split in SPLITS]
TASK = DescentTask()


def parts(approach, split):
    found = descent_reference(split, approach)
    return descent_instances(split, approach), found._replace(plans=found.plans.copy())


def margins(instances, plans):
    """The least height above the glide slope in m, away from the pad."""
    states = TASK.simulate(instances, plans).states[:, 1:-4]
    return (states[:, :, 2] - VEHICLE.slope * np.hypot(states[:, :, 0], states[:, :, 1])).min(axis=1)


@pytest.mark.parametrize("name", DESCENT)
def test_pools_are_rebuilt_from_their_seed_and_have_the_recorded_hashes(name):
    source, entry = DESCENT[name], pools.manifest()[name]["splits"]
    for split, lines in source.generate().items():
        data = (pools.ROOT / "data" / entry[split]["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry[split]["sha256"]
        assert gzip.decompress(data) == encode(lines) == encode(pools.load(name, split))
        assert len(lines) == entry[split]["count"] == source.sizes[split]
        TASK.validate(source.parse(lines))


def test_the_verifier_finds_nothing_and_names_what_is_wrong():
    assert verify_pools(DESCENT.values()) == ([], [])
    source = DESCENT["control-powered-descent"]
    good, train = list(pools.load(source.name, "test")[:2]), pools.load(source.name, "train")[0]
    far = pools.load("control-powered-descent-ood", "test")[0]
    assert source.problems(good) == []
    assert "line 3: not of the approach 'usual'" in source.problems([*good, far])
    assert "states belong to several splits: test, train" in source.problems([*good, train])
    assert "a line is not written with 2 decimals" in source.problems([good[0].replace(" ", "0 ", 1)])


@pytest.mark.parametrize("approach", ["usual", "shallow", "outside"])
def test_a_witness_lands_from_its_rounded_instance(approach):
    drawn = draw_witnesses(300, np.random.default_rng(0), approach)
    assert 30 < len(drawn.instances) < 300
    assert TASK.check(drawn.instances, drawn.plans).success.all()
    assert not faults(drawn.instances, approach).any()
    np.testing.assert_array_equal(np.round(drawn.instances, 2), drawn.instances)


def test_keys_are_blind_to_turning_and_mirroring():
    instances = some_descents(200, np.random.default_rng(1))
    keys = orbit_keys(instances)
    assert len(set(keys)) == 200 and {split_of_key(key) for key in keys} == {"train"}
    quarter = instances[:, [1, 0, 2, 4, 3, 5, 6]] * [-1, 1, 1, -1, 1, 1, 1]
    mirrored = instances * [1, -1, 1, 1, -1, 1, 1]
    assert orbit_keys(quarter) == keys == orbit_keys(mirrored)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = instances.copy()
    turned[:, :2], turned[:, 3:5] = instances[:, :2] @ turn.T, instances[:, 3:5] @ turn.T
    # But for numbers that rounding carries over a millimetre's edge.
    assert np.mean(np.array(orbit_keys(turned)) == np.array(keys)) > 0.95
    # The plan turns with the instance, and costs the same.
    plans = TASK.initial_plans(instances[:5])
    np.testing.assert_allclose(
        TASK.check(turned[:5], plans).violation, TASK.check(instances[:5], plans).violation, rtol=1e-9
    )


def test_generated_instances_are_near_enough_and_of_their_approach():
    for approach, farthest in (("usual", 1500.0), ("shallow", 4000.0)):
        drawn = training_instances(40, np.random.default_rng(2), farthest, approach)
        assert drawn.shape == (40, 7) and not faults(drawn, approach).any()
        assert np.linalg.norm(drawn[:, :3], axis=1).max() <= farthest
        assert {split_of_key(key) for key in orbit_keys(drawn)} == {"train"}


@pytest.mark.parametrize(("approach", "split"), ROWS)
def test_every_reference_is_feasible_stationary_and_costs_what_it_says(approach, split):
    instances, found = parts(approach, split)
    assert found.solved.all() and len(found.costs) == len(instances)
    checks = TASK.check(instances, found.plans)
    assert checks.feasible.all()
    np.testing.assert_allclose(checks.cost, found.costs, rtol=1e-9)
    slopes = TASK.gradient(instances, found.plans).projected * (TASK.plan_high - TASK.plan_low) / 2.0
    assert (np.abs(slopes).max(axis=1) < 1e-3 * found.costs).all()
    row = next(row for row in REFERENCES.values() if isinstance(row, DescentRow) and row.approach == approach)
    facts = reference_manifest()[row.name]["splits"][split]
    np.testing.assert_allclose(facts["mean_cost"], found.costs.mean(), rtol=1e-6)
    assert check_reference(row, split) == []


@pytest.mark.parametrize(("approach", "split"), ROWS)
def test_no_classical_line_is_below_the_reference(approach, split):
    instances, found = parts(approach, split)
    first = hover_grid(TASK, instances, np.linspace(16.0, 64.0, 9))
    _, costs = reduced_gradient(TASK, instances, first, 20)
    assert np.isfinite(costs).all()
    assert (costs >= found.costs[:, None] - 1e-6).all()
    # And the reduced gradient comes near: it shares no line of code with the solver's program.
    assert np.mean(costs[:, -1] / found.costs - 1.0) < 0.02
    # What touchdown and glide slope gain by their tolerances: the optimum brought down exactly costs little more.
    exact = restore(VEHICLE, instances, found.plans, PASSES)
    landed = TASK.check(instances, exact)
    assert (landed.cost >= found.costs - 1e-6)[landed.feasible].all() and landed.feasible.mean() > 0.9
    assert np.median((landed.cost / found.costs - 1.0)[landed.feasible]) < 2e-3


def test_the_glide_slope_binds_in_most_optima_of_shallow_approaches_and_in_few_others():
    shares = {}
    for approach in ("usual", "shallow", "outside"):
        instances, found = parts(approach, "test")
        shares[approach] = np.mean(margins(instances, found.plans) < 0.005)
    assert shares["shallow"] > 0.5 and shares["usual"] < 0.2 and shares["outside"] < 0.2


def test_optimal_thrusts_are_at_a_bound():
    _, found = parts("usual", "test")
    norms = np.linalg.norm(found.plans[:, :-1].reshape(-1, 3), axis=1)
    assert np.mean((norms > VEHICLE.thrust_high - 1.0) | (norms < VEHICLE.thrust_low + 1.0)) > 0.9


@pytest.mark.parametrize("approach", ["usual", "shallow"])
def test_the_solver_finds_the_shipped_optima_again(approach):
    pytest.importorskip("casadi", reason="the extra `reference` is not installed")
    instances, found = parts(approach, "test")
    start = hover_grid(TASK, instances[:4], np.linspace(16.0, 64.0, 9))
    solutions = solve_descent(instances[:4], start)
    assert solutions.solved.all()
    np.testing.assert_allclose(TASK.check(instances[:4], solutions.plans).cost, found.costs[:4], rtol=1e-6)
