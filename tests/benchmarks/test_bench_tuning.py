"""Equal tuning: what is tried, in which order, what wins, and going on after an interruption."""

from __future__ import annotations

import dataclasses
import json

import bench_fakes
import numpy as np
import pytest
from bench_fakes import HereLauncher, without_clock
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from baselines import LINES, METHODS, SPACES, Space
from baselines.control_agents import LinePlanner
from benchmarks import cli
from benchmarks.commands import launching, tune
from benchmarks.protocol import published, records
from benchmarks.protocol.control import ControlPool, evaluate_plans
from benchmarks.protocol.rows import ResultRow, TuningRow
from benchmarks.protocol.suites import SUITES, scored_pool, suite
from benchmarks.protocol.trials import best, trials
from benchmarks.reporting import results
from benchmarks.reporting.recursion_tables import NETWORKS, SHORT, WALK, network_of
from benchmarks.running import tuning
from benchmarks.running.tuner import Tuner
from benchmarks.running.tuning import objective, score_of, suggest

ENV_ID = "SudokuPlanEdit-4x4-v0"
SYSTEM = "control-di-tight"
OF_SYSTEMS = [name for name in SPACES if METHODS[name].supports(suite(SYSTEM).env_id)]


def _played_by(name: str) -> str:
    return suite(SYSTEM).env_id if name in OF_SYSTEMS else ENV_ID


def words(out, algos="mine,ppo", count=4, *more):
    options = ["tune", "--algos", algos, "--suite", "sudoku-4x4-minimal", "--trials", str(count), "--steps", "50"]
    return [*options, "--contestants", "bench_fakes", "--out", str(out), *more]


def rows_of(out) -> list[TuningRow]:
    return records.read(out / tune.ROWS, TuningRow)


def trial(number: int = 0, algo: str = "ppo", solved: int = 0, score: float = 0.0, **settings) -> TuningRow:
    return TuningRow(
        suite="sudoku-4x4-minimal", algo=algo, seed=0, steps=50, trial=number, settings=json.dumps(settings), n=512,
        solved=solved, success=solved / 512, score=score, success_sampled=0.0, env_steps=50, model_queries=0,
        gradient_steps=1, wall_s=1.0, threads=1, pool_sha256="ab" * 32, commit="c0ffee", dirty=False, cpu="a",
        versions="x", command="python -m benchmarks tune",
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def here():
    """Trials run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launching, "LocalLauncher", HereLauncher)
        yield


@pytest.fixture(scope="module")
def finished(here, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuning")
    assert cli.main(words(out)) == 0
    return out


def test_every_method_gets_as_many_trials_scored_on_all_validation_puzzles(finished):
    rows = rows_of(finished)
    assert [(row.algo, row.trial) for row in rows] == [(algo, k) for algo in ("mine", "ppo") for k in range(4)]
    assert {(row.n, row.env_steps, row.model_queries) for row in rows} == {(512, 50, 150)}
    assert str(finished) not in (finished / tune.ROWS).read_text()


def test_the_start_and_the_named_variants_come_first_then_choices_of_the_space(finished):
    tried = {
        algo: [json.loads(row.settings) for row in rows_of(finished) if row.algo == algo] for algo in ("mine", "ppo")
    }
    assert tried["mine"][:2] == [{"line": "checker_greedy"}, {"line": "random"}]
    assert tried["ppo"][0] == {"learning_rate": 1e-3, "net_arch": [64]}
    for algo, settings in tried.items():
        choices = bench_fakes.SPACES[algo].choices
        assert all(one.keys() == choices.keys() for one in settings)
        assert all(value in choices[key] for one in settings for key, value in one.items())


def test_settings_reach_the_model_and_the_best_wins(finished):
    mine = [row for row in rows_of(finished) if row.algo == "mine"]
    greedy, random = mine[0], mine[1]
    # Random edits leave a worse plan than the checker's advice, solved or not.
    assert greedy.solved > random.solved and greedy.score > random.score
    assert [one.row.trial for one in trials(rows_of(finished)) if one.used and one.row.algo == "mine"] == [0]


def test_an_interrupted_tuning_goes_on_to_the_same_rows(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(launching, "LocalLauncher", lambda: HereLauncher(limit=5))
        assert cli.main(words(tmp_path)) == 130
    assert len(rows_of(tmp_path)) == 5
    assert cli.main(words(tmp_path)) == 0
    facts = [[without_clock(dataclasses.asdict(row)) for row in rows_of(out)] for out in (tmp_path, finished)]
    assert facts[0] == facts[1]


def test_more_trials_keep_those_that_are_there(finished, tmp_path):
    assert cli.main(words(tmp_path, "ppo", 2)) == cli.main(words(tmp_path, "ppo", 4)) == 0
    expected = [row.settings for row in rows_of(finished) if row.algo == "ppo"]
    assert [row.settings for row in rows_of(tmp_path)] == expected


def test_two_tunings_do_not_share_a_folder(tmp_path, capsys):
    with FileLock(tmp_path / "tune.lock"):
        assert cli.main(words(tmp_path, "ppo", 1)) == 2
    assert "another tuning is under way" in capsys.readouterr().err and not (tmp_path / tune.ROWS).exists()


def test_only_equal_tuning_is_published(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tune, "PUBLISHED", tmp_path / "published")
    out = tmp_path / "run"
    assert cli.main(words(out, "ppo", 1)) == 0
    assert cli.main(words(out, "mine", 2, "--publish", "tuning")) == 2
    assert "as many trials as any other" in capsys.readouterr().err
    assert not (tmp_path / "published").exists()
    assert cli.main(words(out, "ppo", 2, "--publish", "tuning")) == 0
    assert records.read(tmp_path / "published" / "tuning.csv", TuningRow) == rows_of(out)


def test_a_trial_that_fails_ends_the_tuning_with_its_traceback(tmp_path, monkeypatch, capsys):
    def fail(self, *arguments, **keywords):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(bench_fakes.FakeModel, "learn", fail)
    assert cli.main(words(tmp_path, "ppo", 1)) == 2
    error = capsys.readouterr().err
    assert "trial 0 of ppo has failed with exit code 1" in error and "RuntimeError: out of luck" in error


def test_trials_of_several_methods_run_side_by_side_and_give_the_same_rows(finished, tmp_path):
    class Slow(HereLauncher):
        """Trials end one poll after they were asked first."""

        workers, most = 2, 0

        def start(self, work):
            done, asked = super().start(work), []
            Slow.most = max(Slow.most, len(tuner._running) + 1)
            done.poll = lambda: asked.append(1) or (done.code if len(asked) > 1 else None)
            return done

    keys = [("sudoku-4x4-minimal", algo, 0, 50) for algo in ("mine", "ppo")]
    tuner = Tuner(tmp_path, Slow(), keys, 4, "", "bench_fakes", lambda algo, made: None)
    tuner.run()
    assert Slow.most == 2
    facts = [[without_clock(dataclasses.asdict(row)) for row in rows_of(out)] for out in (tmp_path, finished)]
    assert sorted(facts[0], key=str) == sorted(facts[1], key=str)


def test_a_method_without_a_space_is_refused(tmp_path, capsys):
    assert cli.main(words(tmp_path, "broken")) == 2
    assert "'broken' has no search space; methods that have one: mine, ppo" in capsys.readouterr().err


@given(st.lists(st.tuples(st.integers(0, 512), st.floats(-6, 1)), min_size=2, max_size=2))
def test_no_score_outweighs_a_puzzle(pairs):
    a, b = (trial(solved=solved, score=score) for solved, score in pairs)
    if a.solved != b.solved:
        assert (objective(a) > objective(b)) == (a.solved > b.solved)
    elif abs(a.score - b.score) > 1e-6:
        assert (objective(a) > objective(b)) == (a.score > b.score)


def test_of_equals_the_earliest_wins():
    rows = [trial(0, solved=3, score=0.1), trial(1, solved=3, score=0.2), trial(2, solved=3, score=0.2)]
    assert best(rows).trial == 1
    assert best([*rows, trial(3, solved=4, score=-5.0)]).trial == 3
    assert best([trial(0, solved=512, score=0.9), trial(1, solved=512, score=0.99)]).trial == 0


def test_what_optuna_draws_depends_on_rows_and_seed_alone():
    space = Space({"a": list(range(20)), "b": [[1, 2], [3]]})
    rows = [trial(k, solved=k, a=k, b=[3]) for k in range(6)]
    drawn = [suggest(space, rows, 0) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len({suggest(space, rows, seed)["a"] for seed in range(8)}) > 1


def test_no_settings_are_tried_twice_while_others_are_left():
    space = Space({"a": [1, 2, 3], "b": [[1, 2], [3]]}, [{"a": 2}])
    rows = []
    for number in range(7):
        rows.append(trial(number, solved=10 - number, **suggest(space, rows, 0)))
    assert len({row.settings for row in rows[:6]}) == 6
    assert rows[6].settings in {row.settings for row in rows[:6]}


def test_trials_are_told_apart_by_what_they_change():
    rows = [trial(1, solved=1, a=1, b=[3]), trial(0, a=1, b=[1, 2]), trial(0, "dqn", a=7)]
    assert [(one.row.algo, one.changes, one.used) for one in trials(rows)] == [
        ("dqn", {}, True),
        ("ppo", {}, False),
        ("ppo", {"b": [3]}, True),
    ]


def test_the_page_shows_the_winners_and_all_trials(tmp_path):
    rows = [trial(0, ent_coef=0.01), trial(1, solved=256, score=0.5, ent_coef=0.05)]
    records.write_atomically(tmp_path / "tuning.csv", records.to_csv(rows, TuningRow))
    section = results.pages(tmp_path, words=tmp_path).texts["tuning.md"]
    assert "## sudoku-4x4-minimal, 2 trials of 50 environment steps, 512 validation puzzles" in section
    winners, every = section.split("<details ")
    assert "| ppo | 1 | 50.0 % | 0.5000 | 0.0 % | yes | 1.0 s | ent_coef=0.05 |" in winners
    assert (
        "| ppo | 0 |" not in winners and "| ppo | 0 | 0.0 % | 0.0000 | 0.0 % |  | 1.0 s | as before tuning |" in every
    )


@pytest.mark.parametrize("name", SPACES)
def test_named_trials_and_every_choice_build_a_model(name):
    space = SPACES[name]
    changes = [{key: value} for key, values in space.choices.items() for value in values[1:]]
    for change in [{}, *space.first, *changes]:
        settings = {**space.start, **change}
        assert settings.keys() == space.start.keys()
        assert all(settings[key] in space.choices[key] for key in settings)
        assert METHODS[name].with_settings(settings).with_settings(settings) == METHODS[name].with_settings(settings)
    last = {key: values[-1] for key, values in space.choices.items()}
    METHODS[name].make(_played_by(name), {}, seed=0, settings=last)


def test_settings_of_the_training_environment_and_of_the_network():
    model = METHODS["trm_ppo"].make(ENV_ID, {}, 0, settings={"env.violation_weight": 4.0, "network.unroll": 3})
    assert model.env.get_attr("mdp")[0].task.violation_weight == 4.0
    assert model.policy.features_extractor.network.unroll == 3
    changed = METHODS["ppo"].with_settings({"env.violation_weight": 4.0, "ent_coef": 0.2})
    assert changed.env_kwargs_for({}) == {} and changed.hyperparameters_for(ENV_ID)["ent_coef"] == 0.2
    assert METHODS["ppo"].hyperparameters_for(ENV_ID)["ent_coef"] != 0.2


@pytest.mark.parametrize("env_id", ["MazeWalk-5x5-v0", "OpenMazeWalk-5x5-v0", "SudokuPlace-4x4-v0"])
def test_checkers_without_weights_are_tuned_and_trained_without_them(env_id):
    space = SPACES["maskable_ppo"]
    assert space.on("SudokuPlanEdit-9x9-v0") == space and "env.violation_weight" in space.start
    assert space.on(env_id).start.keys() == space.start.keys() - {"env.violation_weight"}
    assert len(space.on(env_id).first) == len(space.first) - 1
    assert METHODS["maskable_ppo"].training_for(env_id) == {}
    METHODS["maskable_ppo"].make(env_id, {}, seed=0, settings=space.on(env_id).start)


def test_a_variant_is_tuned_in_what_its_name_leaves_open():
    walk, whole = "MazeWalk-7x7-v0", SPACES["trm_ppo"]
    assert SPACES["trm_ppo@mixer=conv@k_cycles=5"].on(walk) == whole.on(walk) != whole.on(ENV_ID)
    fixed = SPACES["trm_ppo@mixer=conv@n_steps=16@ent_coef=0.0"].on(walk)
    assert fixed.choices.keys() == whole.on(walk).choices.keys() - {"n_steps", "ent_coef"}
    assert "policy_kwargs" not in SPACES["ppo@policy_kwargs.net_arch=[4,4]"].on(ENV_ID).start
    assert SPACES["trc@policy_kwargs={}"].start.keys() == SPACES["trc"].start.keys() - {"policy_kwargs.width"}
    assert SPACES["trc@learning_rate=0.1"].on("ControlPlanEdit-VanDerPol-v0").start.keys() <= SPACES["trc"].start.keys()
    assert len(SPACES["ppo@ent_coef=0.2"].first) == len(SPACES["ppo"].first) - 1
    assert "ppo@ent_coef=0.2" in SPACES and "unknown@ent_coef=0.2" not in SPACES
    with pytest.raises(KeyError, match="unknown"):
        SPACES["unknown@ent_coef=0.2"]


def test_networks_that_walk_are_tuned(tmp_path):
    algo = "trm_ppo@mixer=conv@k_cycles=2@h_dim=4@l_dim=2@n_h_layers=1"
    asked = ["tune", "--suite", "open-walk-5x5", "--trials", "2", "--steps", "64", "--out", str(tmp_path)]
    assert cli.main([*asked, "--algos", algo]) == 0
    first, second = (json.loads(row.settings) for row in rows_of(tmp_path))
    assert first == SPACES["trm_ppo"].on("OpenMazeWalk-5x5-v0").start and first != second
    assert first.keys() == second.keys()


def value_of(row, setting: str, default, env_id: str):
    first, _, rest = setting.partition(".")
    parts = {"env": row.training_for(ENV_ID), "network": row.network}
    found, keys = (parts[first], [rest]) if first in parts else (row.hyperparameters_for(env_id), setting.split("."))
    for key in keys:
        if key not in found:
            return default
        found = found[key]
    return found


def chosen() -> list[TuningRow]:
    """The trial that won, of every method."""
    found = trials(published.published(TuningRow))
    assert not any(one.row.dirty for one in found)
    return [one.row for one in found if one.used]


def settings_of(algo: str, like: TuningRow) -> dict:
    """What a row or variant has of the settings that were tuned."""
    # What a row does not say is the first choice: the algorithm's or the environment's own default.
    env_id = suite(like.suite).env_id
    start = SPACES[like.algo].on(env_id).start
    return {key: value_of(METHODS[algo], key, start[key], env_id) for key in start}


def test_the_registry_uses_what_tuning_chose():
    for row in chosen():
        if "@" not in row.algo:
            assert settings_of(row.algo, row) == json.loads(row.settings), row.algo


def test_networks_that_walk_are_compared_with_what_tuning_chose():
    short = [row.algo for row in published.published(ResultRow) if (row.suite, row.steps) == (WALK, SHORT)]
    tuned = [row for row in chosen() if "@" in row.algo]
    assert {row.algo for row in tuned} < NETWORKS.keys() and len(tuned) == 8
    for row in tuned:
        lines = {name for name in short if network_of(name) == row.algo}
        assert json.loads(row.settings) in [settings_of(name, row) for name in lines], row.algo


def test_the_rows_that_are_compared_on_systems_have_spaces():
    assert OF_SYSTEMS == ["trc", "trc-gradient", "trc-antithetic", "mlp_control", "ppo-edit", "ppo-step", "sac-step"]


@pytest.mark.parametrize("name", OF_SYSTEMS)
@pytest.mark.parametrize("env_id", sorted({row.env_id for row in SUITES.values() if row.name.startswith("control")}))
def test_the_first_trial_on_a_system_is_the_row_as_it_was_before_tuning(name, env_id):
    space, row = SPACES[name].on(env_id), METHODS[name]
    tuned = {(one.algo, suite(one.suite).env_id) for one in published.published(TuningRow)}
    if (name, env_id) not in tuned:
        assert space.start == {key: value_of(row, key, space.start[key], env_id) for key in space.start}
    assert space.choices.keys() == SPACES[name].choices.keys()
    assert all(len(values) == len({json.dumps(value) for value in values}) for values in space.choices.values())


def test_systems_are_tuned_on_validation_states_and_ties_broken_by_the_mean_gap(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "scored_pool", few_states)
    asked = ["tune", "--suite", SYSTEM, "--trials", "2", "--steps", "96", "--out", str(tmp_path)]
    assert cli.main([*asked, "--algos", "trc,ppo-step"]) == 0
    rows = rows_of(tmp_path)
    assert [(row.algo, row.trial, row.n) for row in rows] == [(a, k, 6) for a in ("trc", "ppo-step") for k in range(2)]
    assert json.loads(rows[0].settings) == SPACES["trc"].on(suite(SYSTEM).env_id).start
    assert rows[0].settings != rows[1].settings and all(0.0 < row.score < 1.0 for row in rows)
    pool = few_states(suite(SYSTEM).env_id, suite(SYSTEM).env_kwargs, "validation")
    model = METHODS["trc"].make(suite(SYSTEM).env_id, suite(SYSTEM).env_kwargs, 0).learn(96)
    gaps = evaluate_plans(METHODS["trc"].planner(model, pool.mdp), pool).gaps[:, -1]
    assert rows[0].solved == (gaps <= 0.01).sum() and rows[0].score == pytest.approx(1.0 / (1.0 + gaps.mean()))
    better, worse = (dataclasses.replace(rows[0], score=score) for score in (0.99, 0.98))
    assert objective(better) > objective(worse) and rows[0].success_sampled is None


def few_states(env_id, env_kwargs, split) -> ControlPool:
    assert split == "validation"
    return scored_pool(env_id, env_kwargs, split).chosen(np.arange(6))


def test_an_infeasible_plan_leaves_nothing_of_the_score():
    pool = few_states(suite("control-descent").env_id, suite("control-descent").env_kwargs, "validation")
    hover = LinePlanner(pool.mdp.task.initial_plans, None)
    found = evaluate_plans(hover, pool)
    assert np.isinf(found.gaps).any() and score_of(found, pool) == 0.0
    optimal = evaluate_plans(LINES["stored_reference"].planner(pool.mdp, np.random.default_rng(0)), pool)
    assert score_of(optimal, pool) == pytest.approx(1.0)


def test_methods_are_tuned_where_they_train(tmp_path, capsys):
    for algos, name, message in (
        ("ppo", SYSTEM, "'ppo' cannot play control-di-tight"),
        ("trc", "sudoku-4x4-minimal", "'trc' cannot play sudoku-4x4-minimal"),
        ("trc", f"{SYSTEM}-ood", "methods train on control-di-tight for control-di-tight-ood: tune them there"),
    ):
        assert cli.main(["tune", "--algos", algos, "--suite", name, "--out", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err


def test_the_page_says_states_of_systems(tmp_path):
    rows = [dataclasses.replace(trial(0, "trc", solved=512, score=0.9996), suite=SYSTEM, success_sampled=None)]
    records.write_atomically(tmp_path / "tuning.csv", records.to_csv(rows, TuningRow))
    section = results.pages(tmp_path, words=tmp_path).texts["tuning-systems.md"]
    assert "## control-di-tight, 1 trials of 50 environment steps, 512 validation states" in section
    assert "| trc | 0 | 100.0 % | 0.9996 |  | yes | 1.0 s | as before tuning |" in section
