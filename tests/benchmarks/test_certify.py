"""`python -m benchmarks certify`: what it prints, writes and returns."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from agent_helpers import HINDSIGHT, agent, puzzle

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.running import models
from benchmarks.running.models import Label
from benchmarks.studies import certificates
from benchmarks.studies.certificates import CertificateRow
from trm_agents import UPITRM
from trm_agents.theory import enumerate_closure, exact
from trm_agents.theory.reading import Reader
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.evaluation import evaluate
from trm_envs.plan_edit.spaces import observe, states_of

ENV = "SudokuPlanEdit-4x4-v0"
EXACT = {"conservative": "exact", "mixture_capacity": 3}
CERTIFIED = {**HINDSIGHT, "contraction": "certified", "lipschitz": 0.7}
PERSISTENT = {"latent": "persistent", "contraction": "certified", "lipschitz": 0.7}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Saved models by kind, trained for a moment."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name, algo, kwargs in (
        ("k_step", "upi_trm-k_step", {}),
        ("exact", "upi_trm-exact", EXACT),
        ("certified", "upi_trm-certified", CERTIFIED),
        ("persistent", "upi_trm-k_step", PERSISTENT),
    ):
        found[name] = folder / f"{name}.zip"
        models.save(agent(**kwargs).learn(64), found[name], Label(algo, ENV, {"blanks": (1, 4)}))
    return found


@pytest.fixture
def puzzles(tmp_path):
    np.save(tmp_path / "puzzles.npy", np.stack([puzzle(0), puzzle(0, 6), puzzle(0, 6, 9)]))
    return str(tmp_path / "puzzles.npy")


def run(capsys, *words):
    code = cli.main(["certify", *map(str, words)])
    return code, capsys.readouterr()


@pytest.mark.parametrize("name", ["k_step", "exact", "certified"])
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
    words = (saved["k_step"], "--puzzles", puzzles, "--max-edits", "3", "--json", "--blanks")
    code, out = run(capsys, *words, "2")
    assert code == 0 and [row["instance"] for row in json.loads(out.out)["rows"]] == [1]
    code, out = run(capsys, *words, "4")
    assert code == 2 and "no instance with 4 editable cells" in out.err


def test_two_depths_cannot_be_certified_at_once(puzzles, capsys, tmp_path):
    keywords = {"latent": "persistent", "carried_unroll": 1, "unroll": 2, "target": "hindsight", "learning_starts": 8}
    models.save(agent(**keywords).learn(32), tmp_path / "model.zip", Label("upi_trm", ENV, {"blanks": (1, 4)}))
    code, out = run(capsys, tmp_path / "model.zip", "--puzzles", puzzles)
    assert code == 2 and "carried_unroll=None" in out.err
    one = UPITRM.load(tmp_path / "model.zip", carried_unroll=None, device="cpu")
    models.save(one, tmp_path / "one.zip", Label("upi_trm", ENV, {"blanks": (1, 4)}))
    words = (tmp_path / "one.zip", "--puzzles", puzzles, "--max-edits", "3", "--max-states", "99", "--json")
    code, out = run(capsys, *words)
    assert code == 0 and json.loads(out.out)["violations"] == 0


def test_what_is_asked_wrongly(saved, puzzles, capsys):
    assert run(capsys, saved["k_step"], "--puzzles", puzzles, "--max-states", "2")[0] == 2
    assert run(capsys, saved["k_step"], "--puzzles", "none.npy")[0] == 2
    assert run(capsys, saved["k_step"], "--alpha", "2")[0] == 2


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


def test_a_persistent_latent_is_part_of_the_state():
    model = agent(latent="persistent").learn(64)
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
    code, out = run(capsys, saved["persistent"], *words)
    rows = json.loads(out.out)["rows"]
    plain = json.loads(run(capsys, saved["k_step"], *words)[1].out)["rows"]
    assert code == 0 and [row["violations"] for row in rows] == [0, 0]
    for row, other in zip(rows, plain, strict=True):
        assert row["states"] > other["states"] and row["centring_defect"] < 1e-12
        # The contraction is certified from any carried latent.
        assert (
            0.0 < row["depth_gap"] <= row["path_bound"] <= row["envelope"] and row["value_error"] <= row["limit_bound"]
        )


def test_training_with_a_persistent_latent_centres_over_the_augmented_state():
    """Advantages of a rollout, against every action by hand: a successor starts from the latent that it inherits."""
    model = agent(latent="persistent", prior=0.0).learn(64)
    policy, mdp, rollout = model.policy.requires_grad_(False), model.mdp, model.rollout
    evaluation = evaluate(policy, rollout, np.zeros(4), model.dials)
    states = states_of({key: rollout.flat(value) for key, value in rollout.observations.items()})
    latents = torch.as_tensor(rollout.flat(rollout.latents))

    def seen(some):
        return {key: torch.as_tensor(value) for key, value in observe(some).items()}

    by_hand = torch.zeros_like(evaluation.advantages)
    for row in range(len(latents)):
        state, z = states.at(slice(row, row + 1)), latents[row : row + 1]
        pi, inherited = policy.action_probabilities(seen(state), z)
        for action in np.flatnonzero(mdp.action_mask(state)[0]):
            made = mdp.transition(state, np.array([action]))
            potential = torch.as_tensor(mdp.check(made.successors).score, dtype=torch.float32)
            ahead = 0.0 if made.terminated[0] else float(policy.values(seen(made.successors), potential, inherited))
            by_hand[row, action] = made.rewards[0] + mdp.gamma * ahead
        by_hand[row] = improvement.centred(by_hand[row : row + 1], pi, evaluation.mask[row : row + 1])[0]
    assert torch.allclose(evaluation.advantages, by_hand, atol=1e-4)
    assert improvement.centring_defect(by_hand, evaluation.policy) < 1e-5
    # Without z it is another policy, under which they are not centred.
    without, _ = policy.action_probabilities(seen(states))
    assert latents.any() and improvement.centring_defect(by_hand, without) > 1e-3
