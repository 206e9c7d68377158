"""Suites of systems: what a row says of plans, against the checker and by hand; cells, resume, rows on disk."""

import dataclasses
import json

import numpy as np
import pytest
from bench_fakes import HereLauncher, quiet, without_clock

import baselines
from baselines.control_agents import EditPlanner, LinePlanner, Plans, StepPlanner
from benchmarks import cli
from benchmarks.protocol import checks, records
from benchmarks.protocol.control import WITHIN, After, ControlPool, evaluate_plans, packed, unpacked
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.published import publish, published
from benchmarks.protocol.rows import ControlRow, ResultRow
from benchmarks.protocol.suites import SUITES, scored_pool, suite
from benchmarks.reporting.control_tables import share
from benchmarks.reporting.gap_plots import gaps_by_edits
from benchmarks.reporting.results import pages
from benchmarks.reporting.summary import summarise
from benchmarks.running import models, training
from benchmarks.running.runner import Runner, plan
from trm_agents import TRC, zoo
from trm_agents.zoo.cards import ControlCard, read_card
from trm_envs.continuous.spaces import ControlEditRules

SYSTEM = "control-di-tight"
CLOCKS = ("wall_s", "command", "ms_1", "ms_256")


def of_suite(name: str, split: str = "validation") -> ControlPool:
    row = suite(name)
    return scored_pool(row.env_id, row.env_kwargs, split)


def row_of(folder: Folder, algo: str, suite: str = SYSTEM) -> ControlRow:
    return next(row for row in folder.results() if (row.algo, row.suite) == (algo, suite))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Folder:
    """TRC for a few gradient steps, on the tight double integrator and out of distribution, and its lines."""
    folder = Folder(tmp_path_factory.mktemp("runs") / "run")
    cells = plan(baselines, [SYSTEM, f"{SYSTEM}-ood"], ["trc", "mlp_control"], [0], 480)
    arguments = ["--threads", "1", "--points", "1"]
    about = {"command": "run", "commit": "beef", "dirty": False}
    assert Runner(folder, HereLauncher(), arguments, quiet()).run(cells, 1, about) == 0
    return folder


def test_only_methods_and_lines_of_systems_play_systems():
    named = {name for name, row in baselines.METHODS.items() if row.supports(suite("control-vdp").env_id)}
    assert named == {"trc", "trc-antithetic", "trc-gradient", "mlp_control", "ppo-edit", "ppo-step", "sac-step"}
    assert not any(row.supports("SudokuPlanEdit-4x4-v0") for name, row in baselines.METHODS.items() if name in named)
    lines = {cell.algo for cell in plan(baselines, ["control-descent"], ["ppo-edit"], [0, 1], None) if not cell.steps}
    assert lines == {"zero", "guidance_grid", "reduced_gradient_20", "reduced_gradient_50", "stored_reference"}
    with pytest.raises(ValueError, match="suites of puzzles and of systems"):
        plan(baselines, ["control-di", "sudoku-4x4-easy"], ["trc"], [0], None)
    with pytest.raises(ValueError, match="ppo can play none of control-di"):
        plan(baselines, ["control-di"], ["ppo"], [0], None)


def test_hidden_dynamics_are_those_of_the_suite_that_shows_them():
    shown, hidden = (of_suite(name, "test") for name in ("control-vdp-mu", "control-vdp-mu-hidden"))
    assert (shown.instances == hidden.instances).all() and (shown.optima == hidden.optima).all()
    seen = []
    for pool in (shown, hidden):
        states = pool.mdp.initial(pool.instances)
        seen.append(ControlEditRules(pool.mdp).observe(states, pool.mdp.check(states))["instance"][:, 2])
    assert len(np.unique(seen[0])) > 100 and (seen[1] == 0.0).all()


SHORTENED = {"PPO": {"n_steps": 8, "batch_size": 32}, "SAC": {"learning_starts": 16}, "TRC": {"batch_size": 8}}
"""Settings of an algorithm whose first update comes soon."""


@pytest.mark.parametrize(
    "name", [name for name, row in baselines.METHODS.items() if row.supports(suite(SYSTEM).env_id)]
)
def test_every_row_learns_plans_saves_and_loads(name, tmp_path):
    row, method, pool = suite(SYSTEM), baselines.METHODS[name], of_suite(SYSTEM).chosen(np.arange(4))
    settings = SHORTENED[method.algorithm.rpartition(":")[2]]
    model = method.make(row.env_id, row.env_kwargs, 0, settings=settings).learn(128)
    planned = evaluate_plans(method.planner(model, pool.mdp), pool)
    assert baselines.gradient_steps(model) > 0 and baselines.parameters(model) > 0 and planned.feasible.all()
    model.save(tmp_path / "model.zip")
    loaded = method.load(str(tmp_path / "model.zip"), row.env_id, row.env_kwargs)
    assert evaluate_plans(method.planner(loaded, pool.mdp), pool).gaps.tolist() == planned.gaps.tolist()
    loaded.learn(128, reset_num_timesteps=False)
    assert baselines.gradient_steps(loaded) > baselines.gradient_steps(model)


def test_settings_of_systems_are_checked_by_name_and_type():
    method = baselines.METHODS["trc@unroll=1@supervision=last@env.curriculum=[0.5,2.0]"]
    assert method.hyperparameters_for(suite(SYSTEM).env_id)["unroll"] == 1 and method.training == {
        "curriculum": [0.5, 2.0]
    }
    for name, message in (("trc@depth=2", "no setting 'depth'"), ("trc@supervision=all", "'every' or 'last'")):
        with pytest.raises(ValueError, match=message):
            baselines.METHODS[name]


@pytest.mark.parametrize("name", [name for name in SUITES if name.startswith("control")])
def test_every_suite_of_a_system_has_optima_that_its_own_checker_confirms(name):
    pool = of_suite(name, "test")
    stored = evaluate_plans(baselines.LINES["stored_reference"].planner(pool.mdp, np.random.default_rng(0)), pool)
    assert stored.n == len(pool.instances) and stored.feasible.all() and stored.solved.all()
    assert np.abs(stored.gaps).max() < 1e-9
    # A scored suite is of the system that its models are trained on.
    home = suite(name).trained_on
    assert home is None or (suite(home).env_id == suite(name).env_id and suite(home).trained_on is None)


def test_gaps_shares_and_violations_are_those_of_a_computation_by_hand():
    """Plans of known gaps: optimal ones, dearer ones, and one that breaks its bound."""
    pool = of_suite("control-descent").chosen(np.arange(4))
    best = baselines.LINES["stored_reference"].planner(pool.mdp, np.random.default_rng(0)).plan(pool.instances, (1,))
    grid = baselines.LINES["guidance_grid"].planner(pool.mdp, np.random.default_rng(0)).plan(pool.instances, (1,))
    mixed = best.plans[0].copy()
    mixed[2], mixed[3] = grid.plans[0, 2], pool.mdp.task.initial_plans(pool.instances)[3]

    class Fixed:
        def plan(self, instances, edits):
            return Plans((1, 2), np.stack([grid.plans[0], mixed]), 2, 4, 3)

    found = evaluate_plans(Fixed(), pool)
    cost = pool.mdp.task.check(pool.instances, mixed).cost
    dearer = cost[2] / pool.optima[2] - 1.0
    assert found.feasible.tolist() == [True, True, True, False] and found.violation[3] > 0.0
    np.testing.assert_allclose(found.gaps[:3, 1], [0.0, 0.0, dearer], atol=1e-9)
    assert np.isinf(found.gaps[3, 1])
    assert found.solved.tolist() == [True, True, bool(dearer <= WITHIN), False]
    first, last = found.by_edits
    assert (first.edits, last.edits) == (1, 2)
    # One of four plans is infeasible: no mean, no 95 % quantile, but a median.
    assert last.mean is None and last.p95 is None and last.median == pytest.approx(dearer)
    assert first.mean == pytest.approx(
        (pool.mdp.task.check(pool.instances, grid.plans[0]).cost / pool.optima - 1).mean()
    )
    assert unpacked(packed(found.by_edits)) == found.by_edits


def test_quantiles_of_gaps_are_those_of_states():
    gaps = np.linspace(0.0, 0.019, 20)
    assert After.of(3, gaps) == After(3, 11, pytest.approx(0.0095), 0.01, pytest.approx(0.019))
    assert After.of(0, np.array([np.inf, 0.0, 0.0])) == After(0, 2, None, 0.0, None)


def test_an_edit_planner_keeps_the_best_plan_so_far_and_makes_the_edits_of_its_own_episode():
    pool = of_suite("control-vdp").chosen(np.arange(6))
    method = baselines.METHODS["trc"]
    row = suite("control-vdp")
    model = method.make(row.env_id, row.env_kwargs, 0)
    found = EditPlanner(model, pool.mdp).plan(pool.instances, (1, 3, 20))
    states, carried, lowest = pool.mdp.initial(pool.instances), None, []
    rules = EditPlanner(model, pool.mdp).rules
    best = pool.mdp.check(states).cost
    for _ in range(20):
        actions, carried = model.predict(rules.observe(states, pool.mdp.check(states)), carried, deterministic=True)
        states = pool.mdp.transition(states, np.clip(actions.astype(np.float64), -1, 1)).successors
        best = np.minimum(best, pool.mdp.check(states).cost)
        lowest.append(best)
    for place, edits in enumerate((1, 3, 20)):
        np.testing.assert_allclose(pool.mdp.task.check(pool.instances, found.plans[place]).cost, lowest[edits - 1])
    assert (found.edits, found.network_calls, found.inner_steps, found.simulations) == ((1, 3, 20), 20, 40, 21)
    assert EditPlanner(model, pool.mdp, 1).plan(pool.instances, (1, 3, 20)).edits == (1,)


def test_a_row_that_refuses_edits_in_training_refuses_them_in_planning():
    pool, row = of_suite("control-di-tight").chosen(np.arange(6)), suite("control-di-tight")
    for name, accept in (("trc", "always"), ("trc-gradient", "improving")):
        method = baselines.METHODS[name]
        planner = method.planner(method.make(row.env_id, row.env_kwargs, 0), pool.mdp)
        assert planner.mdp.accept == planner.model.mdp.accept == accept and planner.mdp.max_edits == 20
        assert ("gradient" in planner.rules.observation_space.spaces) == (name == "trc-gradient")
        assert planner.mdp.task.system is pool.mdp.task.system and pool.mdp.accept == "always"


def test_a_step_planner_applies_what_the_step_wise_environment_would():
    """A model that always pushes one way: its plan is that control in every step, and costs what the episode says."""
    pool = of_suite("control-di-tight").chosen(np.arange(3))
    row = suite("control-di-tight")
    method = baselines.METHODS["ppo-step"]
    assert method.trained_env(row.env_id) == "Control-DoubleIntegratorTight-v0"
    model = method.make(row.env_id, row.env_kwargs, 0)
    planner = method.planner(model, pool.mdp)
    assert isinstance(planner, StepPlanner)
    planner.model = type(
        "Pushes", (), {"predict": lambda self, seen, deterministic: (np.full((len(seen), 1), 0.5), None)}
    )()
    found = planner.plan(pool.instances, (1, 20))
    assert found.edits == (0,) and found.network_calls == 15 and np.allclose(found.plans, 0.75)
    assert evaluate_plans(planner, pool).simulations.tolist() == [1, 1, 1]
    assert method.simulated_steps(pool.mdp, 100, 7) == 100
    assert baselines.METHODS["trc"].simulated_steps(pool.mdp, 100, 7) == 15 * 107


def test_a_run_gives_rows_that_say_what_the_checker_says(run):
    row = row_of(run, "trc")
    assert (row.n, row.edits, row.network_calls, row.simulations) == (200, 20.0, 20.0, 21.0)
    assert (row.legal_actions, row.trained_env) == ("all", suite(SYSTEM).env_id)
    assert (row.env_steps, row.model_queries, row.simulated_steps) == (480, 960, 15 * 1440)
    assert row.feasible == row.n and row.violation == 0.0 and min(row.ms_1, row.ms_256) > 0.0
    outcomes = np.load(run.of_cell(Cell(*row.key)) / "outcomes.npz")
    assert outcomes["solved"].tolist() == row.solved_mask.tolist()
    assert row.gap_mean == pytest.approx(outcomes["gaps"][:, -1].mean())
    assert [one.edits for one in unpacked(row.by_edits)] == [1, 2, 3, 5, 10, 20]
    assert row_of(run, "stored_reference").gap_mean == pytest.approx(0.0, abs=1e-9)
    assert row_of(run, "clipped_lqr").success == 1.0 and row_of(run, "zero").success == 0.0
    single = row_of(run, "mlp_control")
    assert single.edits == 1.0 and [one.edits for one in unpacked(single.by_edits)] == [1]
    assert run.left_out() == [] and run.failures() == []


def test_out_of_distribution_the_same_model_is_scored(run):
    inside, outside = row_of(run, "trc"), row_of(run, "trc", f"{SYSTEM}-ood")
    assert outside.n == 100 and outside.pool_sha256 != inside.pool_sha256
    assert not (run.of_cell(Cell(*outside.key)) / "model.zip").exists()
    assert outside.wall_s == inside.wall_s


def test_a_training_that_was_interrupted_ends_with_the_same_row(run, tmp_path):
    """The checkpoint of the first half, continued by the runner, gives the row of the uninterrupted run."""
    cell, row, method = Cell(SYSTEM, "trc", 0, 480), suite(SYSTEM), baselines.METHODS["trc"]
    folder = Folder(tmp_path / "run")
    folder.of_cell(cell).mkdir(parents=True)

    model = method.make(row.env_id, row.env_kwargs, 0)

    def stop_half_way(local, _):
        if local["self"].num_timesteps >= 192:
            label = models.Label("trc", row.env_id, row.env_kwargs, models.Cost.of(model, 1.0))
            models.save(model, folder.of_cell(cell) / training.CHECKPOINT, label)
            return False
        return True

    model.learn(480, callback=stop_half_way)
    assert Runner(folder, HereLauncher(), ["--points", "1"], quiet()).run([cell], 1, {"command": "run"}) == 0
    facts = [without_clock(dataclasses.asdict(one)) for one in (row_of(folder, "trc"), row_of(run, "trc"))]
    for one in facts:
        for clock in CLOCKS:
            one.pop(clock, None)
    assert facts[0] == facts[1]


def test_rows_are_published_and_read_as_what_they_are(run, tmp_path):
    publish(run, "control", tmp_path)
    found = published(ResultRow, tmp_path)
    assert found == run.results() and all(type(row) is ControlRow for row in found)
    assert "gap_p95" in (tmp_path / "control.csv").read_text().splitlines()[0]


def test_results_of_puzzles_and_systems_share_no_table(run):
    row = row_of(run, "trc")
    puzzle = ResultRow(
        **{field.name: getattr(row, field.name) for field in dataclasses.fields(ResultRow) if field.name != "schema"}
    )
    with pytest.raises(ValueError, match="cannot stand in one table"):
        records.class_of([row, puzzle])
    assert "is not one of" in checks.problem_of(dataclasses.replace(puzzle, legal_actions="givens"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"feasible": 199}, "violation is 0.0, but 199 of 200"),
        ({"reached": 201}, "201 at the end"),
        ({"gap_mean": 0.5}, "by_edits ends with"),
        ({"by_edits": "[]"}, "says nothing of plans"),
        ({"by_edits": json.dumps([[20, "1", 0, 0, 0]])}, "says nothing of plans"),
        ({"legal_actions": "givens"}, "legal_actions is 'givens', not one of all"),
        ({"env_id": "ControlPlanEdit-VanDerPol-v0"}, "env_id is"),
        ({"ms_1": -1.0}, "ms_1 is -1.0"),
        ({"solved_bits": ""}, "solved_bits has 0 bytes"),
    ],
)
def test_rows_that_contradict_themselves_are_refused(run, changes, problem):
    assert checks.problem_of(row_of(run, "trc")) is None
    assert problem in checks.problem_of(dataclasses.replace(row_of(run, "trc"), **changes))


def test_lines_do_not_depend_on_the_batch():
    pool = of_suite("control-vdp-ood").chosen(np.arange(5))
    planner = baselines.LINES["ilqr_3"].planner(pool.mdp, np.random.default_rng(0))
    assert isinstance(planner, LinePlanner)
    whole, one = evaluate_plans(planner, pool), evaluate_plans(planner, pool.chosen(np.array([3])))
    assert one.gaps[0].tolist() == whole.gaps[3].tolist() and (whole.simulations == -1).all()


def test_pages_say_what_rows_say_and_draw_gaps_against_edits(run, tmp_path):
    publish(run, "control", tmp_path)
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / f"{SYSTEM}.md").write_text(
        'After 5 edits {{ gap("control-di-tight", "trc", 480, 5) }}; '
        '{{ cost("control-di-tight", "trc", 480, "at target") }} end at the target.'
    )
    found = pages(tmp_path, tmp_path / "words")
    page, row = found.texts[f"{SYSTEM}.md"], row_of(run, "trc")
    after = {one.edits: one for one in unpacked(row.by_edits)}
    assert f"After 5 edits {share(after[5].mean)}; {100 * row.reached / row.n:.1f} % end at the target." in page
    cells = [f"{share(one.mean)} ({100 * one.within / row.n:.1f} %)" for one in after.values()]
    assert f"| trc | {' | '.join(cells)} |" in page
    assert "200 test first states" in page and "puzzles" not in page
    assert "Methods train on the first states of [control-di-tight]" in found.texts[f"{SYSTEM}-ood.md"]
    assert f"[{SYSTEM}-ood]({SYSTEM}-ood.md)" in found.texts["index.md"]
    assert found.figures[f"../images/results/{SYSTEM}-gaps.png"]().startswith(b"\x89PNG")


def test_summaries_average_seeds_and_rank_equal_shares_by_their_gap(run):
    row = row_of(run, "trc")
    worse = dataclasses.replace(row, seed=1, gap_mean=row.gap_mean + 1.0)
    dearer = dataclasses.replace(row, algo="ppo-edit", gap_mean=row.gap_mean + 2.0)
    none = dataclasses.replace(row, algo="ppo-step", gap_mean=None)
    trc, *others = summarise([none, dearer, worse, row])
    assert [trc.algo, *(one.algo for one in others)] == ["trc", "ppo-edit", "ppo-step"]
    assert trc.gap_mean == pytest.approx(row.gap_mean + 0.5) and trc.gap_interval.n == 2
    assert others[1].gap_mean is None and share(None) == "none"
    assert json.loads(json.dumps(trc.as_json()))["by_edits"][1]["edits"] == 2
    assert [share(gap) for gap in (1e-7, 0.000841, 0.0123, 146.78)] == ["0.000 %", "0.0841 %", "1.23 %", "14,678 %"]


def test_figures_tell_a_method_with_few_steps_from_itself_with_more(run):
    row, flat = row_of(run, "trc"), row_of(run, "stored_reference")
    longer = dataclasses.replace(row, steps=960)
    stepwise = [dataclasses.replace(flat, algo="ppo-step", steps=steps, kind="train") for steps in (480, 960)]
    axes = gaps_by_edits(SYSTEM, summarise([row, longer, *stepwise])).axes[0]
    strokes = {line.get_label(): line.get_linestyle() for line in axes.lines}
    assert (strokes["trc, 480 steps"], strokes["trc, 960 steps"]) == ("--", "-")
    assert {"ppo-step, 480 steps (no edits)", "ppo-step, 960 steps (no edits)"} < set(strokes)


def test_a_controller_of_a_run_becomes_an_agent_of_the_zoo(run, tmp_path, monkeypatch, capsys):
    row = row_of(run, "trc")
    file = run.of_cell(Cell(*row.key)) / "model.zip"
    assert cli.main(["zoo", "add", str(file), "mine", "--to", str(tmp_path), "--allow-dirty", "--json"]) == 0
    capsys.readouterr()
    card = read_card(tmp_path / "mine.json")
    assert isinstance(card, ControlCard)
    assert (card.n, card.policy.solved, card.feasible, card.reached) == (row.n, row.solved, row.feasible, row.reached)
    assert (card.by_edits, card.gap_mean, card.pool_sha256) == (row.by_edits, row.gap_mean, row.pool_sha256)
    assert (card.parameters, card.env_steps, card.seed) == (row.parameters, row.env_steps, row.seed)
    monkeypatch.setattr(zoo, "AGENTS", tmp_path)
    whole, slim = TRC.load(file), zoo.load("mine")
    assert isinstance(slim, TRC) and (tmp_path / "mine.zip").stat().st_size < file.stat().st_size
    observation = slim.get_env().reset()
    for one, two in zip(whole.predict(observation), slim.predict(observation), strict=True):
        np.testing.assert_array_equal(one[0], two[0])
    assert cli.main(["zoo", "add", str(file), "more", "--to", str(tmp_path), "--allow-dirty", "--attempts", "3"]) == 2
    assert "have no solvers" in capsys.readouterr().err
    (tmp_path / "mine.json").write_text(dataclasses.replace(card, reached=row.n + 1).as_json())
    with pytest.raises(ValueError, match="201 at the target"):
        read_card(tmp_path / "mine.json")
