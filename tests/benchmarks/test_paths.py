"""`python -m benchmarks paths`: stacks of as many weights and layers, rows that are made once."""

import dataclasses

import pytest

from benchmarks.cli import main
from benchmarks.protocol import records
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.study_rows import PathsRow
from benchmarks.studies.paths import NETWORKS
from trm_agents.supervised import RecursivePaths, paths, weights


def test_stacks_have_as_many_weights_and_deep_ones_as_many_layers():
    model = RecursivePaths(9)
    for name in ("cnn", "cnn-deep", "transformer", "transformer-deep"):
        network = NETWORKS[name].build(9)
        assert weights(network) == pytest.approx(weights(model), rel=0.35), name
        assert network.depth == (model.depth if name.endswith("deep") else 4)


def test_rows_are_made_once_and_shown(tmp_path, capsys):
    words = ["paths", "--out", str(tmp_path / "rows.jsonl"), "--networks", "recursive,cnn", "--seeds", "0"]
    words += ["--updates", "2", "--side", "5", "--sides", "5"]
    assert main(words) == 0
    rows = records.read(tmp_path / "rows.jsonl", PathsRow)
    keys = [row.key for row in rows]
    assert len(set(keys)) == len(keys) == 4 + 1
    assert {row.cycles for row in rows if row.network == "recursive"} == {"5", "10", "20", "halting"}
    assert all(problem_of(row) is None and row.trained_on == 5 for row in rows)
    assert {(row.side, row.n) for row in rows} == {(5, len(paths(5, "validation").mazes))}
    assert main(words) == 0
    assert records.read(tmp_path / "rows.jsonl", PathsRow) == rows
    assert "recursive" in capsys.readouterr().out
    assert main([*words[:4], "nothing"]) == 2
    assert problem_of(dataclasses.replace(rows[0], exact=-1)) is not None
