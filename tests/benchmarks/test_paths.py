"""`python -m benchmarks paths`: stacks of as many weights and layers, rows that are made once."""

import dataclasses
from itertools import combinations

import pytest
import torch

from benchmarks.cli import main
from benchmarks.protocol import records
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.study_rows import PathsRow
from benchmarks.studies.paths import NETWORKS, WARM
from trm_agents.supervised import Fit, paths, weights


def test_stacks_have_as_many_weights_and_deep_ones_as_many_layers():
    model, deepest = NETWORKS["recursive"].build(9), NETWORKS["recursive"].depth(9)
    assert deepest == (WARM + 5) * 2 and NETWORKS["cold-5"].depth(9) == 10
    for name in ("cnn", "cnn-deep", "transformer", "transformer-deep"):
        network = NETWORKS[name].build(9)
        assert weights(network) == pytest.approx(weights(model), rel=0.35), name
        assert network.depth == NETWORKS[name].depth(9) == (deepest if name.endswith("deep") else 4)


def test_every_change_of_the_recursion_changes_what_is_trained():
    how, trained = Fit(updates=2, batch=4), {}
    for name, contestant in NETWORKS.items():
        # The network alone tells the others apart.
        if name in ("recursive", "recursive-last", "recursive-carry", "recursive-once", "cold-5"):
            trained[name] = contestant.trained(5, how, seed=0).mark.weight
    assert all(not torch.equal(trained[one], trained[other]) for one, other in combinations(trained, 2))
    again = NETWORKS["recursive"].trained(5, how, seed=0).mark.weight
    assert torch.equal(again, trained["recursive"])


def test_rows_are_made_once_and_shown(tmp_path, capsys):
    words = ["paths", "--out", str(tmp_path / "rows.jsonl"), "--networks", "recursive,cnn", "--seeds", "0"]
    words += ["--updates", "2", "--side", "5", "--sides", "5"]
    assert main(words) == 0
    rows = records.read(tmp_path / "rows.jsonl", PathsRow)
    keys = [row.key for row in rows]
    assert len(set(keys)) == len(keys) == 6 + 1
    assert {row.cycles for row in rows if row.network == "recursive"} == {"5", "10", "20", "40", "80", "halting"}
    assert all(problem_of(row) is None and row.trained_on == 5 for row in rows)
    assert {(row.side, row.n) for row in rows} == {(5, len(paths(5, "validation").mazes))}
    assert main(words) == 0
    assert records.read(tmp_path / "rows.jsonl", PathsRow) == rows
    assert "recursive" in capsys.readouterr().out
    assert main([*words[:4], "nothing"]) == 2
    assert problem_of(dataclasses.replace(rows[0], exact=-1)) is not None
