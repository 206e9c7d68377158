"""Every figure in docs/theory.md comes from rows under benchmarks/published/theory."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.protocol import records
from benchmarks.protocol.published import published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting.readme import BLOCK, fill
from benchmarks.studies.audits import AuditRow
from benchmarks.studies.certificates import CertificateRow
from benchmarks.studies.depth import DepthRow
from benchmarks.studies.theory_tables import FOLDER, SURELY, expiry, steps, table, violated
from trm_agents.theory.ledger import ROUNDINGS

PAGE = Path(__file__).parents[2] / "docs" / "theory.md"


def rows(path: Path) -> list[CertificateRow]:
    return records.read(path, CertificateRow)


def test_tables_are_derived_from_the_published_rows():
    text = PAGE.read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert fill(text) == text, "run: python -m benchmarks readme --file docs/theory.md"


def test_certificates_hold_and_say_what_the_page_says():
    files = sorted(FOLDER.glob("certificates-*.csv"))
    assert len(files) == 6 and all(len(rows(path)) == 208 for path in files)
    for path in files:
        for row in rows(path):
            assert row.violations == 0 and row.checks > 100 and not row.commit.endswith("+")
            assert row.value_error <= row.error_bound_horizon * (1 + 1e-5)
            assert row.depth_gap <= row.path_bound * (1 + 1e-5) <= row.envelope * (1 + 1e-4)
            # Rises as small as certify's own tolerance, 4,096 roundings, are looked at no closer than that.
            allowed = ROUNDINGS * 2.0**-52 * 17.2 + 1e-5 * abs(row.rise)
            assert max(row.rise_published, row.rise_deviations_1) <= row.rise + allowed
    certified = rows(FOLDER / "certificates-hindsight_trm-certified.csv")
    # "46 states with 1 blank and 331 with 2", "off by up to 17 there, and by some 10^-6 where episodes begin".
    assert {row.states for row in certified} == {46, 331}
    assert max(row.value_error for row in certified) == pytest.approx(17.0, abs=0.05)
    assert 1e-6 < np.median([row.value_error_start for row in certified]) < 1e-5
    assert all(2 <= len({row.value_error for row in rows(path)}) <= 8 for path in files)
    learned = [row for name in ("upi_trm", "upi_trm-exact") for row in rows(FOLDER / f"certificates-{name}.csv")]
    worst = min(learned, key=lambda row: row.rise)
    assert worst.rise == pytest.approx(-0.003, abs=5e-4) and worst.rise_deviations_1 > -0.465
    assert min(row.value_error_start for row in learned) > 0.0005
    assert max(row.value_error_start for row in learned) == pytest.approx(0.03, abs=0.005)
    assert max(row.depth_gap for row in learned) == pytest.approx(11.4, abs=0.5)


def test_larger_closures_hold_and_grow_as_the_page_says():
    closures = [rows(path) for path in sorted(FOLDER.glob("closures-*.csv"))]
    assert [len(found) for found in closures] == [24, 12, 6, 4]
    assert all(row.violations == 0 and row.checks > 100 for found in closures for row in found)
    assert not any(row.commit.endswith("+") for found in closures for row in found)
    sizes = [np.median([row.states for row in found]) for found in closures]
    assert all(4.5 < after / before < 5.5 for before, after in pairwise(sizes))


def test_certificates_of_carried_latents_hold_on_many_more_states():
    found = {path.stem: rows(path) for path in sorted(FOLDER.glob("latents-*.csv"))}
    assert [len(certified) for certified in found.values()] == [24] * 4
    assert all(row.violations == 0 and row.checks > 100 for certified in found.values() for row in certified)
    assert not any(row.commit.endswith("+") for certified in found.values() for row in certified)
    states = {name: sum(row.states for row in certified) for name, certified in found.items()}
    assert states["latents-1-persistent"] > 5 * states["latents-1-episodic"]
    assert states["latents-2-persistent"] > 100 * states["latents-2-episodic"]
    for blanks in (1, 2):
        pools = [[row.instance for row in found[f"latents-{blanks}-{kind}"]] for kind in ("episodic", "persistent")]
        assert pools[0] == pools[1]


def test_the_audited_runs_say_what_the_page_says():
    audited = records.read(FOLDER / "audits.csv", AuditRow)
    assert len(audited) == 72 and {(row.instances, row.states, row.capacity) for row in audited} == {(1, 331, 16)}
    assert not any(violated(row) or row.commit.endswith("+") for row in audited)
    fixed, safe = ([row for row in audited if row.setting == name] for name in ("0.3", "safe"))
    assert all(row.two_deviations > 0.87 * row.rise > 0.0 for row in fixed)
    losses = [-row.published for row in fixed]
    assert 550 < min(losses) < 600 and 26_000 < max(losses) < 26_500
    assert 7.0 < max(row.rise for row in fixed) < 7.1
    fell = [row for row in safe if row.rise < 0.0]
    assert len(fell) == 13 and len(safe) == 36 and min(row.rise for row in fell) > -0.0006
    assert all(row.estimated > 0.0 for row in safe)
    assert all(max(row.two_deviations, row.exact_one) < SURELY for row in fell)
    assert max(row.expiry_tv for row in audited if row.promotion == 12) < 1e-7


def test_the_audits_of_three_puzzles_say_what_the_page_says():
    audited = records.read(FOLDER / "audits-2-3-4.csv", AuditRow)
    assert len(audited) == 72 and {(row.instances, row.states, row.capacity) for row in audited} == {(3, 9_976, 16)}
    assert not any(violated(row) or row.commit.endswith("+") for row in audited)
    fixed, safe = ([row for row in audited if row.setting == name] for name in ("0.3", "safe"))
    assert all(row.rise > 0.0 for row in audited)
    assert [sum(row.two_deviations > SURELY for row in group) for group in (fixed, safe)] == [35, 36]
    assert [sum(row.one_deviation > SURELY for row in group) for group in (fixed, safe)] == [3, 33]
    shares = [np.median([row.two_deviations / row.rise for row in group]) for group in (fixed, safe)]
    assert shares == pytest.approx([0.71, 0.99], abs=0.005)
    assert all(row.estimated > 0.0 for row in safe)
    ends = [[row.eta + row.rise for row in group if row.promotion == 12] for group in (fixed, safe)]
    assert (
        all(end == pytest.approx(-12.02, abs=0.005) for end in ends[0]) and -13.2 < min(ends[1]) < max(ends[1]) < -12.2
    )


def test_the_audits_of_the_survival_value_say_what_the_page_says():
    for name, puzzles, share in (("audits-survival", 1, 0.95), ("audits-survival-2-3-4", 3, 0.67)):
        audited = records.read(FOLDER / f"{name}.csv", AuditRow)
        assert len(audited) == 36 and {(row.algo, row.instances) for row in audited} == {("upi_trm-survival", puzzles)}
        assert not any(violated(row) or row.commit.endswith("+") for row in audited)
        assert all(row.two_deviations > share * row.rise > SURELY for row in audited)
        assert all(row.value_error < 0.035 for row in audited if row.promotion == 12)


def test_what_expires_in_long_runs_is_within_its_bound():
    longer = records.read(FOLDER / "expiry.csv", AuditRow)
    ends = [row for row in longer if not np.isnan(row.expiry_tv)]
    assert len(longer) == 3_000 and sorted((row.capacity, row.seed) for row in ends) == [
        (slots, seed) for slots in (4, 16) for seed in range(5)
    ]
    assert not any(violated(row) or row.commit.endswith("+") for row in longer)
    for row in ends:
        assert row.promotion == 300 and row.expiry_bound == pytest.approx(0.7**row.capacity, rel=1e-4)
        assert row.expiry_tv <= row.expiry_bound + 1e-6
    assert all(row.eta == pytest.approx(-13.01) for row in longer if row.promotion > 50)


def test_the_exact_mixture_of_hundreds_of_promotions_is_stable_to_the_end():
    found = [row for row in published(ResultRow) if row.algo == "upi_trm-exact@n_steps=4"]
    assert {(row.suite, row.steps) for row in found} == {("sudoku-4x4-hard", 20_000)} and 20_000 // 64 == 312
    assert len(found) == 5 and all(row.success == 1.0 for row in found)
    assert np.mean([row.success_sampled for row in found]) == pytest.approx(0.999, abs=5e-4)


def test_the_depth_study_says_what_the_page_says():
    measured = records.read(FOLDER / "depth.csv", DepthRow)
    assert len(measured) == 14 * 5 * 2 * 6 and not any(row.commit.endswith("+") for row in measured)
    assert all(row.delta_value <= row.envelope + 1e-6 for row in measured)

    def of(kind: str, dial: float, m: int = 16) -> list[DepthRow]:
        about = kind, dial, True, "B1", m
        return [r for r in measured if (r.contraction, r.dial, r.projection, r.states_set, r.m) == about]

    def mean(name: str, *about) -> float:
        return float(np.mean([getattr(row, name) for row in of(*about)]))

    free = "none", np.inf
    for dial, value, policy in ((0.2, 31, 1_993), (0.5, 10, 163), (0.7, 7, 74), (0.9, 6, 55)):
        assert mean("relative", *free) / mean("relative", "certified", dial) == pytest.approx(value, abs=0.5)
        assert mean("delta_policy", *free) / mean("delta_policy", "certified", dial) == pytest.approx(policy, abs=0.5)
    certified = [row for row in measured if row.contraction == "certified"]
    assert all(row.success == 1.0 for row in certified if row.m == row.n)
    assert min(row.success for row in certified) == pytest.approx(0.990, abs=5e-4)
    assert mean("success", *free, 2) == 1.0 and mean("success", *free) == pytest.approx(0.17, abs=0.005)
    for dial, differs in ((0.02, 0.004), (0.2, 0.03), (0.5, 0.08), (0.9, 0.38)):
        assert 1.0 - mean("agreement", "certified", dial) == pytest.approx(differs, abs=0.005 if dial > 0.02 else 5e-4)
    first = [r.agreement for r in measured if (r.dial, r.projection, r.states_set, r.m) == (0.02, True, "B0", 16)]
    assert len(first) == 5 and np.mean(first) == pytest.approx(0.996, abs=5e-4)
    assert mean("delta_policy", "clamp", 0.9) > mean("delta_policy", "certified", 0.9)
    clamped = sorted(row.success for row in of("clamp", 0.9))
    assert clamped[1] < 0.01 and clamped[2] > 0.97


def test_the_dials_say_what_the_page_says():
    turned = records.read(FOLDER / "dials.csv", DepthRow)
    assert not any(row.commit.endswith("+") for row in turned)
    certified, free = ([row for row in turned if (row.contraction == "certified") == kind] for kind in (True, False))
    assert {(row.n, row.dial) for row in certified} == {(n, d) for n in (2, 4, 8) for d in (0.5, 0.7, 0.9, 0.95, 0.99)}
    assert all(row.success == 1.0 for row in certified if row.m in (row.n, 2 * row.n, 4 * row.n))
    assert all(row.success == 1.0 for row in free if row.m == row.n)
    deep = [np.mean([row.success for row in free if (row.n, row.m) == (n, 4 * n)]) for n in (2, 4, 8)]
    assert min(deep) == 0.0 and max(deep) == pytest.approx(0.89, abs=0.005)
    settled = [row for row in certified if (row.n, row.m, row.dial, row.states_set) == (8, 32, 0.5, "B1")]
    assert np.mean([row.agreement for row in settled]) == pytest.approx(0.995, abs=5e-4)
    assert {row.seed for row in turned} == {0, 1, 2} and len(settled) == 3


def test_functions_and_commands_that_the_page_names_exist():
    text = PAGE.read_text(encoding="utf-8")
    for module, names in (
        ("value_bounds", re.findall(r"^\| [VA]\d .*\| `(\w+)` \|$", text, re.M)),
        ("improvement_bounds", re.findall(r"^\| I\d .*\| `(\w+)` \|$", text, re.M)),
    ):
        found = import_module(f"trm_agents.theory.{module}")
        assert len(names) >= 7 and all(callable(getattr(found, name)) for name in names)
    commands = import_module("benchmarks.cli").COMMANDS
    assert set(re.findall(r"^python -m benchmarks (\w+)", text, re.M)) == {"certify", "audit", "depth"} <= set(commands)


def audit_row(**changes) -> AuditRow:
    values = {name: 0.5 for name in AuditRow.__dataclass_fields__}
    values |= {"suite": "s", "setting": "safe", "capacity": 16, "seed": 0, "steps": 8, "instances": 1, "states": 3}
    values |= {"algo": "a", "promotion": 1, "env_steps": 8, "commit": "c", "schema": "audit/3"}
    values |= {"rise": 1.0, "published": -9.0}
    return AuditRow(**{**values, **changes})


def test_steps_in_a_table():
    good, bad = audit_row(), audit_row(seed=1, exact=2.0, expiry_tv=0.25)
    assert not violated(good) and violated(bad) and violated(audit_row(expiry_tv=0.75))
    line = steps([good, bad]).splitlines()[2]
    assert line.startswith("| a | safe | 1, 3 | 2 | 2 | 1 | 100% | 0% | 100% |")
    assert expiry([good, bad]).splitlines()[2] == "| safe | 16 | 2 | 1 | 5.0e-01 | 5.0e-01 | 5.0e-01 | 1.5 |"


def test_unknown_tables_are_named(tmp_path):
    with pytest.raises(ValueError, match="theory:odd"):
        table("theory:odd")
    assert table("theory:depth", tmp_path) == "" == table("theory:steps", tmp_path) == table("theory:expiry", tmp_path)
