"""`python -m benchmarks certify`: what it prints, writes and returns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from agent_helpers import agent, puzzle, sudoku

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.running import models
from benchmarks.running.models import Label
from benchmarks.studies import certificates
from benchmarks.studies.certificates import CertificateRow
from trm_agents import UPITRM, CertifiedExactCover, Exact, HindsightTRM
from trm_agents.survival import Survival
from trm_agents.theory import enumerate_closure, exact
from trm_agents.theory.reading import Reader

ENV = "SudokuPlanEdit-4x4-v0"
EXACT = {"mixture": Exact(0.5, capacity=3)}


def hindsight(core=CertifiedExactCover(0.7), unroll=3, **kwargs):  # noqa: B008  # frozen
    policy = {"width": 8, "core": core}
    about = {"n_steps": 8, "batch_size": 16, "seed": 3, "device": "cpu", "min_buffer_size": 1}
    return HindsightTRM("TokenPolicy", sudoku(), unroll=unroll, policy_kwargs=policy, **about, **kwargs)


def survivor():
    about = {"n_steps": 8, "batch_size": 16, "seed": 3, "device": "cpu", "policy_kwargs": {"width": 8}}
    return UPITRM("EditPolicy", sudoku(), target=Survival(), unroll=3, ema_decay=0.9, **about)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Saved models by kind, trained for a moment."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name, algo, model in (
        ("distilled", "upi_trm", agent()),
        ("exact", "upi_trm-exact", agent(**EXACT)),
        ("certified", "hindsight_trm-certified", hindsight()),
        ("carried", "hindsight_trm-certified", hindsight(carry_unroll=3)),
        ("survival", "upi_trm-survival", survivor()),
    ):
        found[name] = folder / f"{name}.zip"
        models.save(model.learn(64), found[name], Label(algo, ENV, {"blanks": (1, 4)}))
    return found


@pytest.fixture
def puzzles(tmp_path):
    np.save(tmp_path / "puzzles.npy", np.stack([puzzle(0), puzzle(0, 6), puzzle(0, 6, 9)]))
    return str(tmp_path / "puzzles.npy")


def run(capsys, *words):
    code = cli.main(["certify", *map(str, words)])
    return code, capsys.readouterr()


@pytest.mark.parametrize("name", ["distilled", "exact", "certified", "survival"])
def test_json_of_every_kind_of_agent(name, saved, puzzles, capsys, tmp_path):
    words = (saved[name], "--puzzles", puzzles, "--max-edits", "4", "--max-states", "99", "--json")
    code, out = run(capsys, *words, "--csv", tmp_path / "rows.csv", "--name", name)
    found = json.loads(out.out)
    assert code == 0 and found["violations"] == 0 and found["checks"] > 100 and found["tolerance_roundings"] == 4096
    rows = found["rows"]
    # The puzzle with three blanks reaches more than 99 states.
    assert [row["instance"] for row in rows] == [0, 1] and {row["model"] for row in rows} == {name}
    for row in rows:
        assert row["value_error"] <= row["error_bound_horizon"] <= row["error_bound"]
        assert row["rise_published"] <= row["rise_deviations_2"] <= row["rise"] + 1e-5
        assert row["float32_error"] < 1e-3
        assert (row["lipschitz"] is None) == (name != "certified")
    if name == "certified":
        assert all(row["lipschitz"] <= 0.7 and row["depth_gap"] <= row["path_bound"] <= row["envelope"] for row in rows)
    written = records.read(tmp_path / "rows.csv", CertificateRow)
    assert [row.eta for row in written] == [row["eta"] for row in rows] and written[0].lipschitz == (
        np.inf if rows[0]["lipschitz"] is None else rows[0]["lipschitz"]
    )


def test_the_table_and_a_violation(saved, puzzles, capsys, monkeypatch):
    words = (saved["certified"], "--puzzles", puzzles, "--max-edits", "3", "--instances", "1")
    code, out = run(capsys, *words)
    assert code == 0 and "0 violations" in out.out and "not certified" not in out.out
    honest = certificates.certify

    def claiming(closure, policy, evaluator, *rest):
        return honest(closure, policy, evaluator._replace(lipschitz=1e-3), *rest)

    monkeypatch.setattr(certificates, "certify", claiming)
    code, out = run(capsys, *words)
    assert code == 1 and "VIOLATED" in out.out and "L_z" in out.out


def test_instances_with_so_many_blanks(saved, puzzles, capsys):
    words = (saved["distilled"], "--puzzles", puzzles, "--max-edits", "3", "--json", "--blanks")
    code, out = run(capsys, *words, "2")
    assert code == 0 and [row["instance"] for row in json.loads(out.out)["rows"]] == [1]
    code, out = run(capsys, *words, "4")
    assert code == 2 and "no instance with 4 editable cells" in out.err


def test_two_depths_cannot_be_certified_at_once(puzzles, capsys, tmp_path):
    for carry_unroll, code in ((1, 2), (2, 0)):
        model = hindsight(unroll=2, carry_unroll=carry_unroll).learn(32)
        models.save(model, tmp_path / "model.zip", Label("hindsight_trm", ENV, {"blanks": (1, 4)}))
        words = (tmp_path / "model.zip", "--puzzles", puzzles, "--max-edits", "3", "--max-states", "99", "--json")
        found, out = run(capsys, *words)
        assert found == code
        assert "set policy.carry_unroll = 2" in out.err if code else json.loads(out.out)["violations"] == 0


def test_what_is_asked_wrongly(saved, puzzles, capsys):
    assert run(capsys, saved["distilled"], "--puzzles", puzzles, "--max-states", "2")[0] == 2
    assert run(capsys, saved["distilled"], "--puzzles", "none.npy")[0] == 2
    assert run(capsys, saved["distilled"], "--alpha", "2")[0] == 2
    code, told = run(capsys, saved["distilled"], "--puzzles", puzzles, "--depth", "1")
    assert code == 2 and "--depth 1 is below the n = " in told.err


def test_synthetic(capsys):
    code, out = run(capsys, "synthetic", "--json")
    found = json.loads(out.out)
    assert code == 0 and found["violations"] == 0 and len(found["rows"]) == 101


def test_the_policy_is_read_as_it_is_deployed_and_left_alone():
    model = agent(**EXACT).learn(64)
    reader = Reader(model.policy, model.mdp)
    closure, policy = enumerate_closure(model.mdp, puzzle(0), reader.table)
    from trm_agents.theory.audit import deployed

    assert np.allclose(policy, deployed(model.policy, closure), atol=1e-7)
    assert np.allclose(reader.deployed_values(closure), reader.depths(closure, model.unroll).values[-1], atol=1e-4)
    assert next(model.policy.parameters()).dtype.itemsize == 4


def test_a_carried_latent_is_part_of_the_state():
    model = hindsight(carry_unroll=3).learn(64)
    mdp = type(model.mdp)(model.mdp.task, max_edits=3)
    reader = Reader(model.policy, mdp)
    closure, policy = enumerate_closure(mdp, puzzle(0, 6), reader.table)
    plain, _ = enumerate_closure(mdp, puzzle(0, 6), lambda s, _: (mdp.action_mask(s) / 8.0, None))
    # The same plan after other edits is another state (x, y, z).
    assert closure.carried is not None and len(closure.start) > len(plain.start)
    assert not closure.carried[0].any() and closure.carried[1:].any(axis=(1, 2)).all()
    found, violations = certificates.certify(
        closure, policy, reader.evaluator(closure, 4), certificates.Improvement(2.0, 0.2), 2
    )
    assert violations == [] and found.centring_defect < 1e-12
    assert exact.performance(closure, policy) == found.eta


def test_augmented_states_are_certified_by_the_same_command(saved, puzzles, capsys):
    words = ("--puzzles", puzzles, "--instances", "2", "--max-edits", "3", "--json")
    code, out = run(capsys, saved["carried"], *words)
    rows = json.loads(out.out)["rows"]
    plain = json.loads(run(capsys, saved["certified"], *words)[1].out)["rows"]
    assert code == 0 and [row["violations"] for row in rows] == [0, 0]
    for row, other in zip(rows, plain, strict=True):
        assert row["states"] > other["states"] and row["centring_defect"] < 1e-12
        # The contraction is certified from any carried latent.
        assert (
            0.0 <= row["depth_gap"] <= row["path_bound"] <= row["envelope"] and row["value_error"] <= row["limit_bound"]
        )
    # With one cell left to edit, the value is the same at every depth.
    assert rows[1]["depth_gap"] > 0.0
