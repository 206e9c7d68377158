"""`trm play`: a person edits a plan in the terminal."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from command_helpers import ENV, run, typed


def test_a_person_solves_a_puzzle(capsys, monkeypatch, file_of_two) -> None:
    typed(monkeypatch, "1 4 4")
    code, shown, _ = run(capsys, "play", "--env", ENV, "--puzzles", str(file_of_two), "--index", "0")
    assert code == 0
    assert "score 15, violations 0" in shown
    assert "edits left 15" in shown
    assert shown.endswith("solved\n")


def test_bad_input_spends_nothing_and_says_what_is_right(capsys, monkeypatch, file_of_two) -> None:
    typed(monkeypatch, "", "hello", "1 4", "5 4 4", "1 0 4", "1 4 7", "a 4 4", "stop", "quit", "1 4 4")
    code, shown, _ = run(capsys, "play", "--env", ENV, "--puzzles", str(file_of_two), "--index", "0")
    assert code == 1
    assert shown.count("edits left") == 1
    assert shown.count("type ROW COLUMN SYMBOL, SYMBOL one of 1 2 3 4, or quit; got") == 4
    assert "the row must be a number within 1..4, got '5'" in shown
    assert "the row must be a number within 1..4, got 'a'" in shown
    assert "the column must be a number within 1..4, got '0'" in shown
    assert "the symbol must be one of 1 2 3 4, got '7'" in shown
    assert shown.endswith("not solved\n")


def test_an_illegal_edit_is_spent_and_said(capsys, monkeypatch, file_of_two) -> None:
    typed(monkeypatch, "1 1 2")
    code, shown, _ = run(capsys, "play", "--env", ENV, "--puzzles", str(file_of_two), "--index", "0")
    assert code == 1
    assert "that edit is illegal" in shown
    assert "edits left 15" in shown


def test_the_game_ends_with_the_budget(capsys, monkeypatch, file_of_two) -> None:
    typed(monkeypatch, *["1 4 1"] * 9)
    words = "play", "--env", ENV, "--puzzles", str(file_of_two), "--index", "0", "--env-kwargs", '{"max_edits": 2}'
    code, shown, _ = run(capsys, *words)
    assert code == 1
    assert "edits left 0" in shown
    assert shown.count("> ") == 2


def test_cells_of_a_maze_are_toggled(capsys, monkeypatch) -> None:
    env = gym.make("trm_envs:MazePlanEdit-5x5-v0", split="test").unwrapped
    cell = int(np.flatnonzero(env.source.instances[3] == 0)[0])
    edit = f"{cell // 5 + 1} {cell % 5 + 1}"
    typed(monkeypatch, edit, edit, f"{edit} 1")
    code, shown, _ = run(capsys, "play", "--env", "MazePlanEdit-5x5-v0", "--index", "3")
    states = [line for line in shown.splitlines() if "edits left" in line]
    assert code == 1
    assert [line.rsplit(" ", 1)[1] for line in states] == ["25", "24", "23"]
    assert states[0].rsplit(",", 1)[0] == states[2].rsplit(",", 1)[0] != states[1].rsplit(",", 1)[0]
    assert "type ROW COLUMN, or quit; got" in shown


def test_an_agent_is_walked_by_words_and_first_letters(capsys, monkeypatch) -> None:
    typed(monkeypatch, "2 1", "sideways", "up", "down", "r", "R")
    words = "play", "--env", "MazeWalk-5x5-v0", "--puzzles", "S.#..G###", "--index", "0"
    code, shown, _ = run(capsys, *words, "--env-kwargs", '{"size": 3}')
    assert code == 0
    assert shown.count("type up, down, left or right, or the first letter, or quit; got") == 2
    assert shown.count("that edit is illegal") == 1
    assert "edits left 5" in shown and shown.endswith("solved\n")


def test_erasing_and_stopping_have_words(capsys, monkeypatch, file_of_two) -> None:
    typed(monkeypatch, "1 4 1", "1 4 erase", "stop")
    keywords = '{"allow_erase": true, "stop_action": "terminal"}'
    code, shown, _ = run(
        capsys, "play", "--env", ENV, "--puzzles", str(file_of_two), "--index", "0", "--env-kwargs", keywords
    )
    states = [line.split(",")[0] for line in shown.splitlines() if "edits left" in line]
    assert code == 1
    assert states[0] == states[2] == states[3] != states[1]


# errors
