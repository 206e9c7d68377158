"""`python -m benchmarks latents`: principal components and linear readings, by hand and of a controller."""

import numpy as np
import pytest

from benchmarks.cli import main
from benchmarks.protocol import records
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.study_rows import LatentsRow
from benchmarks.studies.latents import components, readable


def test_components_have_the_variance_and_the_distances_of_the_latents():
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((50, 3)) * [3.0, 1.0, 0.1] + 7.0
    read, variances = components(latents)
    assert (np.diff(variances) < 0.0).all()
    assert variances.sum() == pytest.approx(latents.var(axis=0).sum())
    one, two = (np.linalg.norm(x[:, None] - x[None], axis=2) for x in (read, latents))
    np.testing.assert_allclose(one, two, atol=1e-9)


def test_what_is_linear_is_read_and_what_is_not_there_is_not():
    rng = np.random.default_rng(1)
    read = rng.standard_normal((400, 5)) * [1.0, 10.0, 0.1, 1.0, 1.0]
    assert readable(read, 3.0 + read @ [1.0, -1.0, 5.0, 0.0, 2.0]) > 0.999
    assert readable(read, rng.standard_normal(400)) < 0.05
    # Half of the variance is noise: half can be read.
    assert readable(read, read[:, 0] + rng.standard_normal(400)) == pytest.approx(0.5, abs=0.1)


def test_rows_are_of_the_edits_that_plans_are_scored_at(tmp_path, capsys):
    out = tmp_path / "rows.jsonl"
    assert main(["latents", "zoo:trc-van-der-pol", "--suite", "control-vdp-at-mu-0.5", "--out", str(out)]) == 0
    rows = records.read(out, LatentsRow)
    assert [row.edit for row in rows] == [1, 2, 3, 5, 10, 20] and all(problem_of(row) is None for row in rows)
    assert rows[0].moved == 1.0 > rows[-1].moved and all(0.0 < row.two < 1.0 > row.offset > 0.0 for row in rows)
    assert min(row.of_position for row in rows) > 0.5, "edits are of a first state"
    assert "two" in capsys.readouterr().out
    assert main(["latents", "zoo:trc-powered-descent", "--suite", "control-descent"]) == 2
    assert "no system with two states" in capsys.readouterr().err
