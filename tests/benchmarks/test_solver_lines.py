"""Solver lines of a run, and what lines spend, with fake contestants."""

import bench_fakes
import numpy as np
import pytest
from bench_fakes import HereLauncher, quiet

import baselines
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.names import named
from benchmarks.protocol.suites import pool, suite
from benchmarks.running import models
from benchmarks.running.runner import Runner, jobs, plan
from benchmarks.running.scoring import score_model

FAKES = ["--contestants", "bench_fakes"]


def planned(root, algos, seeds) -> tuple[Folder, list[Cell]]:
    folder = Folder(root)
    cells = plan(bench_fakes, ["sudoku-4x4-hard"], algos, seeds, 200)
    folder.save_plan(cells, {"command": "python -m benchmarks run"})
    return folder, cells


def test_a_model_is_trained_once_and_scored_as_often_as_asked(tmp_path, monkeypatch):
    """The policy alone and its solvers, in one process; the model, its curve and its cost are the policy's."""
    trained, learn = [], bench_fakes.FakeModel.learn
    monkeypatch.setattr(
        bench_fakes.FakeModel,
        "learn",
        lambda self, *rest, **more: trained.append(self.name) or learn(self, *rest, **more),
    )
    folder, cells = planned(tmp_path / "solvers", ["mine+attempts=7", "ppo", "mine", "mine+search=9"], (0, 1))
    launcher = HereLauncher()
    assert Runner(folder, launcher, FAKES, quiet()).run(cells, 2) == 0
    assert sorted(trained) == ["mine"] * 2 + ["ppo"] * 2
    assert len(launcher.started) == len(jobs(cells)) == 4 + len({cell.algo for cell in cells if cell.kind == "line"})
    rows = {(row.algo, row.seed): row for row in folder.results() if row.kind == "method"}
    alone, attempts, search = (rows[name, 1] for name in ("mine", "mine+attempts=7", "mine+search=9"))
    assert (attempts.solved, search.solved) == (7, 9) and attempts.success_sampled is None
    assert (attempts.network_calls, attempts.inner_steps, attempts.checks) == (1.0, 120.0, 2.0)
    # An unsolved puzzle counts with its whole budget of edits.
    assert search.edits > 15.8 and alone.success_sampled is not None
    for name in ("env_steps", "model_queries", "gradient_steps", "parameters", "wall_s", "pool_sha256"):
        assert getattr(alone, name) == getattr(attempts, name) == getattr(search, name)
    assert {point.algo for point in folder.curves()} == {"mine", "ppo"}
    assert not (folder.of_cell(Cell(*search.key)) / "model.zip").exists()


def test_a_solver_alone_trains_its_model_under_the_name_of_the_policy(tmp_path):
    folder, cells = planned(tmp_path / "alone", ["mine+search=9"], (0,))
    assert Runner(folder, HereLauncher(), FAKES, quiet()).run(cells, 1) == 0
    (cell,) = [cell for cell in cells if cell.steps]
    assert models.label_of(folder.of_cell(cell.trained) / "model.zip").algo == "mine"
    assert {point.algo for point in folder.curves()} == {"mine"}


def test_the_compute_of_a_line_is_its_checks():
    """A greedy line judges every successor of every state that it acts in, and asks no network."""
    row = suite("sudoku-4x4-hard")
    mdp, instances = pool(row.env_id, row.env_kwargs, "test")
    greedy = evaluate(baselines.line("checker_greedy").agent(mdp, np.random.default_rng(0)), mdp, instances[:20])
    blanks = (instances[:20] == 0).sum(1)
    assert greedy.checks.tolist() == (greedy.edits * blanks * 4).tolist()
    assert not greedy.network_calls.any() and not greedy.inner_steps.any()
    random = evaluate(baselines.line("random").agent(mdp, np.random.default_rng(0)), mdp, instances[:20])
    assert not any(random.mean_compute)


def test_a_model_is_scored_at_another_number_of_cycles():
    name = named("trm_ppo@mixer=conv+cycles=3")
    assert (name.method, name.solver, name.budget, str(name)) == (
        "trm_ppo@mixer=conv",
        "cycles",
        3,
        "trm_ppo@mixer=conv+cycles=3",
    )
    cells = plan(baselines, ["open-walk-5x5"], ["trm_ppo+cycles=3", "trm_ppo"], [0], 64, stage0=False)
    assert {cell.trained.algo for cell in cells if cell.steps} == {"trm_ppo"}
    with pytest.raises(ValueError, match="no recursive network"):
        plan(baselines, ["open-walk-5x5"], ["ppo+cycles=3"], [0], 64, stage0=False)
    row, method = suite("open-walk-5x5"), baselines.METHODS["trm_ppo@k_cycles=5"]
    test, model = pool(row.env_id, row.env_kwargs, "test"), method.make(row.env_id, row.env_kwargs, 0)
    for algo, inner in (("trm_ppo", 5), ("trm_ppo+cycles=3", 3)):
        scored = score_model(method, model, test, named(algo), row.env_id, 0).greedy
        assert scored.inner_steps.tolist() == (inner * scored.network_calls).tolist()
    assert model.policy.readings.network.unroll == 5
