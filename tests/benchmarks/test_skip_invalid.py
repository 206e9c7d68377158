"""Invalid puzzles are left out on request and listed, and `evaluate` takes keywords of the environment."""

import json
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

import trm_envs
from benchmarks import cli
from trm_agents.commands.main import main as trm
from trm_envs.reading import OnlyValid

ENV = "SudokuPlanEdit-4x4-v0"
AGENT = "zoo:upi-trm-sudoku-4x4"
GOOD = "1..4.4....2.2..3"
TWICE = "11.4.4....2.2..3"
UNSOLVABLE = "123....4........"
FULL = "1234341221434321"
LINES = [GOOD, TWICE, "", GOOD, UNSOLVABLE, FULL, GOOD]
FLAWS = ["line 2: digit 1 is given twice in row 1", "line 5: it has no solution", "line 6: no cell is blank"]


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.txt"
    path.write_text("\n".join(LINES))
    return path


def commands(path) -> list:
    return [
        (trm, ["evaluate", AGENT, "--puzzles", str(path)]),
        (cli.main, ["evaluate", AGENT, "--env", ENV, "--puzzles", str(path)]),
        (trm, ["solve", str(path), "--env", ENV]),
    ]


def test_invalid_puzzles_are_left_out_on_request_and_listed(mixed, capsys):
    for main, words in commands(mixed):
        assert main(words) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and FLAWS[0] in captured.err
        assert main([*words, "--skip-invalid", "--json"]) == 0
        out, err = capsys.readouterr()
        assert "left out 3 of 6 puzzles:" in err and all(f"{mixed}, {flaw}" in err for flaw in FLAWS)
        found = [json.loads(line) for line in out.splitlines()]
        if words[0] == "evaluate":
            assert found[0]["n"] == 3 and len(found[0]["skipped"]) == 3
        else:
            assert len(found) == 3


def test_a_file_without_a_valid_puzzle_and_a_line_that_is_no_puzzle_are_refused(mixed, tmp_path, capsys):
    path = tmp_path / "bad.txt"
    for text, told in (
        (TWICE, "; left out: "),
        (f"{GOOD}\n{GOOD[:-1]}", "line 2: a 4x4 puzzle has"),
    ):
        path.write_text(text)
        for main, words in commands(path):
            assert main([*words, "--skip-invalid"]) == 2
            assert told in capsys.readouterr().err


@pytest.mark.parametrize("form", [list, np.array, "npy"])
def test_environments_take_only_the_valid_of_any_source(form, tmp_path):
    gym.register_envs(trm_envs)
    grids = np.array([[".1234".index(symbol) for symbol in line] for line in LINES if line])
    np.save(tmp_path / "grids.npy", grids)
    source = (
        tmp_path / "grids.npy" if form == "npy" else grids if form is np.array else [line for line in LINES if line]
    )
    skipped: list[str] = []
    env = gym.make(ENV, puzzles=OnlyValid(source, skipped))
    assert np.array_equal(env.unwrapped.source.instances, grids[[0, 2, 5]]) and len(skipped) == 3
    maze = np.array([1, 1, 1, 1, 1, 1, 2, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    broken = np.where(maze == 3, 0, maze)
    vector = gym.make_vec("MazePlanEdit-5x5-v0", 2, puzzles=OnlyValid([maze, broken, maze], skipped))
    assert len(vector.unwrapped.source.instances) == 2 and "puzzles[1]: " in skipped[3]


def test_evaluate_takes_keywords_of_the_environment(tmp_path, capsys):
    path = tmp_path / "mine.txt"
    path.write_text(GOOD)
    words = ["evaluate", AGENT, "--env", ENV, "--puzzles", str(path), "--json", "--env-kwargs"]
    assert cli.main([*words, '{"violation_weight": 5.0}']) == 0
    assert json.loads(capsys.readouterr().out)["env_kwargs"] == {"violation_weight": 5.0}
    refused = {'{"zz": 1}': "unknown keyword 'zz'", '{"shaping": "False"}': "shaping must be True or False",
               '{"legal_actions": "consistent"}': "give --legal-actions", '{"max_edits": 3}': "give --max-edits",
               '{"stop_action": "noop"}': "Action spaces do not match"}  # fmt: skip
    for given, told in refused.items():
        assert cli.main([*words, given]) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("package", ["torch", "stable_baselines3", "safetensors"])
def test_a_missing_package_is_named_with_what_installs_it(package):
    code = f"import sys\nsys.modules[{package!r}] = None\nfrom trm_agents import UPITRM"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last == f"ModuleNotFoundError: trm_agents needs the package {package!r}: pip install 'trm-plan-edit[agents]'"
