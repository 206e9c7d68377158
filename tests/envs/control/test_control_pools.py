"""Every shipped instance and every shipped reference optimum of a system, checked again in our own simulator."""

from __future__ import annotations

import builtins
import gzip
import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from control_helpers import SYSTEMS

from trm_envs import pools
from trm_envs.building.__main__ import main
from trm_envs.building.build import encode
from trm_envs.building.ipopt import solve
from trm_envs.building.references import REFERENCES, SPLITS, QuadraticRow, build_references, check_reference
from trm_envs.building.table import POOLS
from trm_envs.building.verify import verify_pools
from trm_envs.control import linear
from trm_envs.control.generator import draw_shell, orbit_keys, training_instances
from trm_envs.control.pool import ControlPool
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.reference import POOLS as POOL_OF
from trm_envs.control.reference import reference
from trm_envs.control.sources import pool_instances
from trm_envs.control.text import format_instances, parse_instances
from trm_envs.pools.reference import load_reference, reference_manifest
from trm_envs.pools.source import split_of_key

CONTROL = {name: source for name, source in POOLS.items() if isinstance(source, ControlPool)}
QUADRATIC = {name: row for name, row in REFERENCES.items() if isinstance(row, QuadraticRow)}
ROWS = [(name, split) for name in QUADRATIC for split in SPLITS]


def parts(name, split):
    """Task, instances and reference of a row."""
    row = QUADRATIC[name]
    task, instances = QuadraticTask(row.system), pool_instances(POOL_OF[row.system.name], split, row.ood, row.mu)
    found = reference(row.system, split, row.ood, row.mu)
    return task, instances, found._replace(plans=found.plans.copy())


@pytest.mark.parametrize("name", CONTROL)
def test_pools_are_rebuilt_from_their_seed_and_have_the_recorded_hashes(name):
    source, entry = CONTROL[name], pools.manifest()[name]["splits"]
    for split, lines in source.generate().items():
        data = (pools.ROOT / "data" / entry[split]["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry[split]["sha256"]
        assert gzip.decompress(data) == encode(lines) == encode(pools.load(name, split))
        assert len(lines) == entry[split]["count"] == source.sizes[split]


def test_the_verifier_finds_nothing_and_no_state_is_in_two_splits_of_any_pools():
    assert verify_pools(CONTROL.values()) == ([], [])
    seen = {}
    for name, source in CONTROL.items():
        for split in ("train", "validation", "test"):
            lines = pools.load(name, split)
            for p, v in source.parse(lines)[:, :2].tolist():
                # The state and its mirror image: the one with the larger tuple stands for both.
                assert seen.setdefault(max((p, v), (-p, -v)), split) == split


def test_the_verifier_names_what_is_wrong():
    inside, outside = CONTROL["control-van-der-pol-mu"], CONTROL["control-van-der-pol-ood"]
    good = list(pools.load(inside.name, "test")[:3])
    state = " ".join(good[0].split()[:2])
    assert inside.problems([*good, f"{state} 2.500000"]) == ["line 4: mu outside its range"]
    assert inside.problems([*good, good[0]]) == ["1 lines repeat another one"]
    assert "a line is not written with 6 decimals" in inside.problems([f"{state} 1.0"])
    train = pools.load(inside.name, "train")[0]
    assert inside.problems([*good, train]) == ["states belong to several splits: test, train"]
    assert outside.problems([state]) == ["line 1: largest state outside 2..3"]
    for line, message in (
        ("1.0 2.0", "expected 3 finite numbers"),
        ("1 2 x", "could not convert"),
        ("1 2 nan", "expected 3 fin"),
    ):
        with pytest.raises(ValueError, match=rf"control-van-der-pol-mu, line 2: {message}"):
            inside.keys([good[0], line])


def test_the_splits_are_blind_to_the_sign_and_balanced():
    states = np.random.default_rng(0).uniform(-2, 2, (4000, 2)).round(6)
    states[:2] = [[0.0, -1.0], [-1.0, 0.0]]
    assert orbit_keys(states) == orbit_keys(-states)
    assert len(set(orbit_keys(states))) == 4000
    shares = [np.mean([split_of_key(key) == split for key in orbit_keys(states)]) for split in SPLITS]
    assert np.abs(np.array(shares) - 1 / 8).max() < 0.03


def test_generated_instances_are_training_ones_within_their_range():
    for mu in (None, (0.5, 0.5), (0.5, 2.0)):
        drawn = training_instances(300, np.random.default_rng(1), radius=1.5, mu=mu)
        assert drawn.shape == (300, 2 if mu is None else 3)
        assert {split_of_key(key) for key in orbit_keys(drawn)} == {"train"}
        assert (
            np.abs(drawn[:, :2]).max() <= 1.5
            and (parse_instances(format_instances(drawn), len(drawn[0])) == drawn).all()
        )
        if mu is not None:
            assert mu[0] <= drawn[:, 2].min() and drawn[:, 2].max() <= mu[1]
    norms = np.abs(draw_shell(500, np.random.default_rng(2))).max(axis=1)
    assert norms.min() >= 2.0 and norms.max() <= 3.0 and np.abs(norms.mean() - 2.5) < 0.05


def test_every_reference_belongs_to_a_row_and_a_file():
    assert set(reference_manifest()) == set(REFERENCES)
    recorded = {facts["file"] for entry in reference_manifest().values() for facts in entry["splits"].values()}
    assert recorded == {path.name for path in (pools.ROOT / "reference").iterdir()}
    assert sum(path.stat().st_size for path in (pools.ROOT / "reference").iterdir()) < 3_000_000


@pytest.mark.parametrize(("name", "split"), ROWS)
def test_every_reference_is_feasible_stationary_and_costs_what_it_says(name, split):
    task, instances, found = parts(name, split)
    assert found.solved.all() and len(found.costs) == len(instances)
    checks = task.check(instances, found.plans)
    assert checks.feasible.all()
    np.testing.assert_allclose(checks.cost, found.costs, rtol=1e-9)
    slopes = np.abs(task.gradient(instances, found.plans).projected).max(axis=1)
    # Of log J over u / u_max.
    assert (slopes * task.system.u_max < 1e-3 * found.costs).all()
    facts = reference_manifest()[name]["splits"][split]
    np.testing.assert_allclose(facts["mean_cost"], found.costs.mean(), rtol=1e-6)
    assert check_reference(REFERENCES[name], split) == []


@pytest.mark.parametrize(("name", "split"), ROWS)
def test_no_classical_line_is_below_the_reference(name, split):
    task, instances, found = parts(name, split)
    lqr = linear.clipped_lqr(task, instances)
    _, warm = linear.ilqr(task, instances, lqr, 40)
    _, cold = linear.ilqr(task, instances, task.initial_plans(instances), 40)
    for costs in (task.check(instances, lqr).cost, warm[:, -1], cold[:, -1]):
        assert (costs >= found.costs * (1 - 1e-9) - 1e-6).all()
    # And iLQR comes there: two methods that share no line of code agree.
    np.testing.assert_allclose(np.minimum(warm[:, -1], cold[:, -1]), found.costs, rtol=1e-6)


def test_clipped_lqr_is_optimal_where_its_page_says_so():
    for split in SPLITS:
        task, instances, found = parts("double-integrator", split)
        np.testing.assert_allclose(
            task.check(instances, linear.clipped_lqr(task, instances)).cost, found.costs, rtol=1e-9
        )
    task, instances, found = parts("double-integrator-tight", "test")
    assert (task.check(instances, linear.clipped_lqr(task, instances)).cost > found.costs * (1 + 1e-4)).any()


def test_some_optima_cannot_reach_the_target_out_of_distribution():
    for name in QUADRATIC:
        task, instances, found = parts(name, "test")
        success = task.check(instances, found.plans).success
        assert success.all() == (name != "double-integrator-tight-ood")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A writable copy of the pools of the double integrator and their references."""
    for name in ("manifest.json", "reference.json"):
        shutil.copy(pools.ROOT / name, tmp_path)
    for folder, ending in (("data", ".gz"), ("reference", ".npz")):
        (tmp_path / folder).mkdir()
        for path in (pools.ROOT / folder).glob(f"*double-integrator*{ending}"):
            shutil.copy(path, tmp_path / folder)
    caches = (pools.load, pools.manifest, load_reference, reference_manifest)
    monkeypatch.setattr(pools, "ROOT", tmp_path)
    for each in caches:
        each.cache_clear()
    yield tmp_path
    for each in caches:
        each.cache_clear()


def test_a_changed_reference_is_refused(copied, capsys):
    system = SYSTEMS["di"]
    assert main(["reference", "--check", "--name", "double-integrator"]) == 0
    path = copied / "reference" / "double-integrator.test.npz"
    path.write_bytes(path.read_bytes() + b"x")
    load_reference.cache_clear()
    with pytest.raises(ValueError, match=r"has sha256 .* rebuild .* reference --name double-integrator"):
        reference(system, "test")
    with pytest.raises(
        ValueError, match="no reference of split 'train' of 'double-integrator', only of validation, test"
    ):
        reference(system, "train")
    with pytest.raises(ValueError, match="there is no reference 'mine'; there are: double-integrator, "):
        reference(replace(system, name="mine"), "test")
    with pytest.raises(ValueError, match=r"for mu=\(0.5, 2.0\) and for some single numbers, not for mu=\(1.0, 1.5\)"):
        reference(SYSTEMS["vdp"], "test", mu=(1.0, 1.5))


def test_a_reference_of_other_instances_is_refused(copied):
    entries = json.loads((copied / "reference.json").read_text())
    entries["double-integrator"]["splits"]["test"]["instances_sha256"] = "0"
    (copied / "reference.json").write_text(json.dumps(entries))
    reference_manifest.cache_clear()
    with pytest.raises(ValueError, match="made for other instances of split 'test': rebuild it"):
        reference(SYSTEMS["di"], "test")


def test_wrong_optima_are_found(copied):
    path = copied / "reference" / "double-integrator.test.npz"
    with np.load(path) as arrays:
        fields = dict(arrays)
    fields["plans"][0, 0] += 0.1
    fields["plans"][1, 0] = 4.5
    fields["solved"][2] = False
    fields["costs"][3] *= 1.01
    np.savez_compressed(path, **fields)
    entries = json.loads((copied / "reference.json").read_text())
    entries["double-integrator"]["splits"]["test"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (copied / "reference.json").write_text(json.dumps(entries))
    reference_manifest.cache_clear(), load_reference.cache_clear()
    faults = check_reference(REFERENCES["double-integrator"], "test")
    assert "instance 0: the plan is not stationary" in faults and "instance 1: the plan is not feasible" in faults
    assert "instance 2: the solver has not solved it" in faults and "instance 3: iLQR finds a cheaper plan" in faults
    assert not [fault for fault in faults if int(fault.split()[1][:-1]) > 3]


def test_building_without_casadi_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **others):
        if name == "casadi":
            raise ImportError(name)
        return real(name, *rest, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install trm-plan-edit\[reference\]"):
        build_references([REFERENCES["double-integrator"]])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_solver_finds_the_shipped_optima_again(system):
    pytest.importorskip("casadi", reason="the extra `reference` is not installed")
    name = SYSTEMS[system].name
    task, instances, found = parts(name, "test")
    solutions = solve(task, instances[:5], linear.clipped_lqr(task, instances[:5]))
    assert solutions.solved.all()
    np.testing.assert_allclose(task.check(instances[:5], solutions.plans).cost, found.costs[:5], rtol=1e-7)
