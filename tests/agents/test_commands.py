"""The command `trm`: every verb, its exit codes, its JSON and its errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
from command_helpers import AGENT, EASY, EASY_SOLVED, ENV, MAZE, UNSOLVABLE, run, saved

import trm_envs.sudoku.text
from benchmarks.protocol.stats import wilson_interval
from trm_agents import UPITRM, HindsightTRM, zoo
from trm_agents.commands import agents, puzzles, spending
from trm_agents.commands.main import VERBS, main
from trm_agents.streaming import wilson


def test_help_names_every_verb_and_loads_no_torch() -> None:
    code = (
        "import sys\nfrom trm_agents.commands.main import parser\nprint(parser().format_help())\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numba', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f"\n    {verb} " in done.stdout for verb in VERBS)


def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "trm_agents", "zoo", "nobody"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: unknown agent 'nobody'")
    assert done.stderr.count("\n") == 1


# zoo


def test_the_zoo_is_listed_and_each_card_shown(capsys) -> None:
    code, listed, _ = run(capsys, "zoo")
    assert code == 0
    assert all(name in listed and zoo.card(name).env_id in listed for name in zoo.names())
    code, shown, _ = run(capsys, "zoo", zoo.names()[0])
    assert code == 0
    assert zoo.card(zoo.names()[0]).sha256 in shown
    assert zoo.names()[1] not in shown


def test_the_zoo_as_json_is_a_card_a_line(capsys) -> None:
    cards = [json.loads(line) for line in run(capsys, "zoo", "--json")[1].splitlines()]
    assert [card["name"] for card in cards] == zoo.names()
    (one,) = run(capsys, "zoo", zoo.names()[0], "--json")[1].splitlines()
    assert json.loads(one) == cards[0]


# solve


def test_a_puzzle_in_its_solution_out(capsys) -> None:
    code, shown, _ = run(capsys, "solve", "--env", ENV, EASY)
    assert code == 0
    assert EASY_SOLVED in shown.split()
    assert "solved: 1 edit, 1 network call, " in shown


def test_solving_as_json_is_a_puzzle_a_line(capsys, file_of_two) -> None:
    code, text, _ = run(capsys, "solve", "--env", ENV, str(file_of_two), "--json")
    facts = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert [fact["puzzle"] for fact in facts] == file_of_two.read_text().split()
    assert [fact["plan"] for fact in facts] == [EASY_SOLVED] * 2
    assert all(fact["edits"] == 1 and fact["network_calls"] >= 1 <= fact["inner_steps"] for fact in facts)


@pytest.fixture
def unsolvable_is_read(monkeypatch) -> None:
    """No agent solves such a puzzle, so that what happens to an unsolved one can be seen."""
    monkeypatch.setattr(trm_envs.sudoku.text, "is_unsolvable", lambda grids: np.zeros(len(grids), np.bool_))


def test_an_unsolvable_puzzle_is_refused_with_the_reason(capsys) -> None:
    code, _, error = run(capsys, "solve", "--env", ENV, UNSOLVABLE)
    assert code == 2
    assert "line 1: it has no solution: " in error and "leave it out" in error


def test_an_unsolved_puzzle_costs_its_budget_and_the_exit_code_says_so(capsys, unsolvable_is_read) -> None:
    words = "solve", "--env", ENV, UNSOLVABLE, "--attempts", "2"
    code, text, _ = run(capsys, *words, "--json")
    facts = json.loads(text)
    assert code == 1
    assert (facts["solved"], facts["plan"], facts["edits"]) == (False, None, 16)
    code, shown, _ = run(capsys, *words)
    assert code == 1
    assert "not solved" in shown


@pytest.mark.parametrize("more", [["--attempts", "0"], ["--attempts", "3"], ["--search", "50"]])
def test_the_policy_attempts_and_search_all_solve(capsys, more) -> None:
    code, text, _ = run(capsys, "solve", "--env", ENV, EASY, "--json", *more)
    facts = json.loads(text)
    assert code == 0
    assert facts["plan"] == EASY_SOLVED
    assert (facts["checks"] == 0) == (more == ["--attempts", "0"])


def test_a_maze_is_solved_as_text(capsys) -> None:
    env = gym.make(f"trm_envs:{MAZE}", split="test").unwrapped
    mdp, maze = env.mdp, env.source.instances[0]
    text = "".join(".#SG"[value] for value in maze)
    code, out, _ = run(capsys, "solve", "--env", MAZE, text, "--json")
    facts = json.loads(out)
    assert (code, facts["solved"]) == (0, True)
    plan = np.array([symbol in "SG●" for symbol in facts["plan"]], np.int8)
    assert mdp.task.check(maze[None], plan[None]).solved.all()
    assert facts["plan"].replace("●", ".") == facts["puzzle"] == text


def test_a_model_of_ones_own_solves(capsys, tmp_path) -> None:
    path = saved(tmp_path, HindsightTRM, "TokenPolicy")
    code, text, _ = run(capsys, "solve", "--env", ENV, EASY, "--model", path, "--search", "50", "--json")
    assert (code, json.loads(text)["plan"]) == (0, EASY_SOLVED)


# evaluate


def test_evaluation_counts_puzzles_and_costs(capsys, file_of_two) -> None:
    code, text, _ = run(capsys, "evaluate", AGENT, "--env", ENV, "--puzzles", str(file_of_two), "--json")
    facts = json.loads(text)
    assert code == 0
    assert (facts["solved"], facts["n"], facts["success"], facts["edits"], facts["network_calls"]) == (2, 2, 1, 1, 1)
    assert facts["checks"] == 0
    code, shown, _ = run(capsys, "evaluate", AGENT, "--puzzles", str(file_of_two))
    assert code == 0
    assert "solved 2 of 2 puzzles" in shown
    assert "95 % Wilson interval 34.2% to 100.0%" in shown


def test_the_default_is_the_test_split_of_the_card(capsys) -> None:
    card = zoo.card(AGENT.removeprefix(agents.ZOO))
    facts = json.loads(run(capsys, "evaluate", AGENT, "--json")[1])
    assert (facts["n"], facts["solved"]) == (card.n, card.policy.solved)
    assert facts["edits"] == pytest.approx(card.policy.edits)


def test_more_is_spent_only_where_it_is_asked_for(capsys, file_of_two) -> None:
    words = "evaluate", AGENT, "--puzzles", str(file_of_two), "--json"
    attempts = json.loads(run(capsys, *words, "--attempts", "3")[1])
    search = json.loads(run(capsys, *words, "--search", "9")[1])
    assert (attempts["attempts"], attempts["search"]) == (3, 0)
    assert (search["attempts"], search["search"]) == (0, 9)
    assert attempts["checks"] > 0
    assert search["checks"] > 0


def test_the_policy_alone_is_predict_and_step() -> None:
    """Every count against episodes that are played one by one through the environment."""
    pool = puzzles.read(ENV)
    instances = pool.instances[:40]
    model = zoo.load(AGENT.removeprefix(agents.ZOO), env=pool.env, device="cpu")
    found = spending.policy_alone(model, pool.mdp, instances)
    for row, instance in enumerate(instances):
        observation, info = pool.env.reset(options={"puzzle": instance})
        state, start, done, edits = None, np.ones(1, np.bool_), False, 0
        while not done:
            action, state = model.predict(observation, state, start, deterministic=True)
            observation, _, done, _, info = pool.env.step(action)
            start, edits = np.zeros(1, np.bool_), edits + 1
        assert (found.edits[row], found.calls[row], found.solved[row]) == (edits, edits, info["is_success"])
        np.testing.assert_array_equal(found.plans[row], observation["plan"])
        later = model.policy.carry_unroll or model.policy.unroll
        assert found.inner_steps[row] == model.policy.unroll + (edits - 1) * later
    assert found.checks.sum() == 0


def test_an_upitrm_of_ones_own_is_evaluated(capsys, tmp_path, file_of_two) -> None:
    path = saved(tmp_path, UPITRM, "TRMPolicy")
    words = "evaluate", path, "--env", ENV, "--puzzles", str(file_of_two)
    assert json.loads(run(capsys, *words, "--json")[1])["n"] == 2
    code, _, error = run(capsys, *words, "--attempts", "2")
    assert code == 2
    assert "HindsightTRM" in error


@pytest.mark.parametrize(("solved", "n"), [(0, 5), (5, 5), (2, 7), (510, 512)])
def test_the_interval_is_that_of_the_benchmark(solved, n) -> None:
    expected = wilson_interval(solved, n)
    assert wilson(solved, n) == pytest.approx((expected.lo, expected.hi), abs=1e-12)


def test_what_a_policy_leaves_gets_attempts_and_both_are_counted(unsolvable_is_read) -> None:
    agent = agents.about(AGENT, ENV)
    pool = puzzles.read(ENV, UNSOLVABLE)
    model = agents.load(agent, pool.env)
    alone = spending.policy_alone(model, pool.mdp, pool.instances)
    attempts = spending.spend(model, agent, pool, agents.ATTEMPTS, None)
    both = spending.spend_as_needed(model, agent, pool)
    assert not both.solved[0]
    for name in ("calls", "inner_steps", "checks"):
        assert getattr(both, name)[0] == getattr(alone, name)[0] + getattr(attempts, name)[0] > 0
    assert both.edits[0] == pool.mdp.max_edits


# play


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["solve", "--env", ENV, "12"], "has 16 symbols, found 2"),
        (["solve", "--env", ENV, "nowhere/mine.txt"], "there is no puzzle file nowhere/mine.txt"),
        (["solve", "--env", "MazePlanEdit-5x5-v0", "." * 25], "the zoo has no agent for MazePlanEdit-5x5-v0"),
        (["solve", "--env", "Nothing-v0", EASY], "the zoo has no agent for Nothing-v0"),
        (["solve", "--env", "SudokuPlanEdit-9x9-v0", "." * 81, "--model", AGENT], "paces do not match"),
        (["solve", "--env", ENV, EASY, "--model", ""], "there is no model file"),
        (["zoo", ""], "unknown agent ''; the zoo has:"),
        (["evaluate", AGENT, "--env", ""], "known ones: GraphColouringPlanEdit-100-k5"),
        (["evaluate", "zoo:nobody"], "unknown agent 'nobody'; the zoo has:"),
        (["evaluate", "nowhere.zip", "--env", ENV], "there is no model file nowhere.zip"),
        (["evaluate", AGENT, "--env", "Nothing-v0"], "known ones: GraphColouringPlanEdit-100-k5"),
        (["evaluate", AGENT, "--env", "nopackage:Nothing-v0"], "No module named 'nopackage'"),
        (["evaluate", AGENT, "--env-kwargs", '{"nothing": 1}'], "unknown keyword 'nothing'"),
        (["evaluate", AGENT, "--env-kwargs", '{"split": "other"}'], "split must be"),
        (["watch", AGENT, "--index", "512"], "--index must be within 0..511, got 512"),
        (["play", "--env", "gymnasium:CartPole-v1"], "CartPole-v1"),
        (["play", "--env", ENV, "--env-kwargs", '{"generate": true}'], "several are asked for"),
    ],
)
def test_an_error_is_one_line(capsys, words, message) -> None:
    code, _, error = run(capsys, *words)
    assert code == 2
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_files_that_are_no_agents_are_named(capsys, tmp_path) -> None:
    garbage = tmp_path / "garbage.zip"
    garbage.write_text("nothing")
    ppo = saved(tmp_path, stable_baselines3.PPO, "MultiInputPolicy")
    for path, message in (
        (garbage, "is not a saved model"),
        (ppo, "is no UPITRM, HindsightTRM or TRC, and no actor-critic with a recursive policy"),
    ):
        code, _, error = run(capsys, "evaluate", str(path), "--env", ENV)
        assert code == 2
        assert message in error
    assert "name it with --env ID" in run(capsys, "evaluate", ppo)[2]


@pytest.mark.parametrize(
    "words",
    [
        ["solve", "--env", ENV, EASY, "--attempts", "-1"],
        ["solve", "--env", ENV, EASY, "--search", "0"],
        ["solve", "--env", ENV, EASY, "--search", "3", "--attempts", "3"],
        ["watch", AGENT, "--delay", "-1"],
        ["watch", AGENT, "--seed", "1", "--index", "1"],
        ["play", "--env", ENV, "--env-kwargs", "[1]"],
        ["play"],
        [],
    ],
)
def test_bad_arguments_are_refused_with_usage(capsys, words) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "usage: trm" in capsys.readouterr().err


def test_a_missing_package_names_the_extra() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom trm_agents.commands.main import main\n"
        f"sys.exit(main(['evaluate', '{AGENT}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the package 'torch' is missing: pip install 'trm-plan-edit[agents]'\n"
