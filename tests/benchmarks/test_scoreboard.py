"""The scoreboard: entries are written by `trm submit`, scored again, and refused where they cannot be reproduced."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cli
from benchmarks.reporting.scoreboard_page import SCOREBOARD
from trm_agents import zoo
from trm_agents.commands.entries import Entry, entries, read_entry
from trm_agents.commands.main import main as trm
from trm_agents.commands.rescoring import differences, entry_of
from trm_envs.pools.hashing import pool_hash

NAME = "upi-trm-sudoku-4x4"
ENV = "SudokuPlanEdit-4x4-v0"
CODE = "scoreboard_solvers:Backtracking"


@pytest.fixture(scope="module")
def entry() -> Entry:
    return entry_of("small", f"zoo:{NAME}", ["policy", "attempts=1"])


def written(folder: Path, entry: Entry) -> Path:
    path = folder / f"{entry.name}.json"
    path.write_text(entry.as_json())
    return path


def rescored(folder: Path) -> int:
    return cli.main(["scoreboard", "--folder", str(folder), "--page", str(folder / "page.md")])


def test_a_shipped_agent_is_scored_as_its_card_says(entry):
    card, line = zoo.card(NAME), entry.lines[0]
    assert (line.solved, line.n, entry.parameters) == (card.policy.solved, card.n, card.parameters)
    assert (entry.pool_sha256, entry.model_sha256) == (card.pool_sha256, card.sha256)
    assert line.network_calls == pytest.approx(card.policy.network_calls)


def test_an_entry_is_reproduced_and_ranked(entry, tmp_path, capsys):
    assert read_entry(written(tmp_path, entry)) == entry
    assert rescored(tmp_path) == 0
    assert capsys.readouterr().out == "small: reproduced\n"
    page = (tmp_path / "page.md").read_text()
    assert page.index("| small | attempts=1 |") < page.index("| small | policy |")


def forged(entry: Entry, **changes) -> Entry:
    return dataclasses.replace(entry, lines=(dataclasses.replace(entry.lines[0], **changes),))


def test_a_forged_score_is_refused_with_both_values(entry, tmp_path, capsys):
    solved, calls = entry.lines[0].solved, entry.lines[0].network_calls
    worse = dataclasses.replace(forged(entry, solved=solved - 1), name="worse")
    written(tmp_path, worse)
    written(tmp_path, dataclasses.replace(forged(entry, network_calls=calls * 0.98), name="cheaper"))
    written(tmp_path, dataclasses.replace(forged(entry, network_calls=calls * 0.999), name="close"))
    assert rescored(tmp_path) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == ["cheaper: refused", "close: reproduced", "worse: refused"]
    assert f"worse, policy: solved is {solved}, the entry says {solved - 1}\n" in err
    assert f"cheaper, policy: network_calls is {calls:g}, the entry says {calls * 0.98:g}\n" in err
    assert not (tmp_path / "page.md").exists()


def test_another_pool_or_model_and_a_missing_one_are_refused(entry, tmp_path):
    other = pool_hash(np.zeros((1, 16), np.int8))
    changes = {
        "the pool's SHA-256 is": {"pool_sha256": other},
        "the model's SHA-256 is": {"model_sha256": other},
        "there is no model file gone.zip: copy it beside the entry": {"model": "gone.zip"},
        "does not lie beside its entry": {"model": "../gone.zip"},
        "unknown agent 'nobody'": {"model": "zoo:nobody"},
        "there is no environment 'Nothing-v0'": {"env_id": "Nothing-v0"},
    }
    for told, change in changes.items():
        (problem,) = differences(dataclasses.replace(entry, **change), tmp_path)
        assert problem.startswith("small: ") and told in problem
        assert other not in change.values() or f", the entry says {other}" in problem


def test_an_edited_or_contradictory_entry_is_named(entry, tmp_path, capsys):
    path = written(tmp_path, entry)
    path.write_text(path.read_text().replace('"solved": ', '"solved": 1', 1))
    assert rescored(tmp_path) == 2
    assert "small.json is no entry of the scoreboard: its checksum is missing" in capsys.readouterr().err
    for change in ({"solved": 10**6}, {"line": "magic"}, {"edits": float("nan")}):
        written(tmp_path, forged(entry, **change))
        with pytest.raises(ValueError, match=r"^small.json: .*submit it again"):
            entries(tmp_path)


def test_a_model_of_ones_own_is_submitted_with_its_file(tmp_path, capsys):
    source = tmp_path / "model.zip"
    source.write_bytes(zoo.path(NAME).read_bytes())
    folder = tmp_path / "board"
    kwargs = '{"blanks": [6, 8], "retry": 0.3}'
    words = ["submit", str(source), "mine", "--env", ENV, "--env-kwargs", kwargs, "--to", str(folder)]
    assert trm([*words, "--lines", "attempts=1"]) == 2
    assert "there is no folder" in capsys.readouterr().err
    folder.mkdir()
    assert trm([*words, "--lines", "attempts=1"]) == 0
    (entry,) = entries(folder)
    assert (entry.model, entry.env_kwargs) == ("mine.zip", {"blanks": [6, 8], "legal_actions": "givens"})
    assert differences(entry, folder) == []
    with pytest.raises(SystemExit):
        trm([*words, "--lines", "attempts=1,attempts=1"])


@pytest.mark.parametrize(
    ("field", "value"), [("model", "stranger.solver:make"), ("env_id", "stranger:SudokuPlanEdit-4x4-v0")]
)
def test_an_entry_of_a_stranger_imports_nothing(entry, tmp_path, monkeypatch, field, value):
    package = tmp_path / "stranger"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('was imported')")
    (package / "solver.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    strange = dataclasses.replace(entry, **{field: value})
    assert f"{value} is code, which runs when it is scored" in differences(strange, tmp_path)[0]
    with pytest.raises(SystemExit, match="was imported"):
        differences(strange, tmp_path, trust=True)


@pytest.mark.parametrize("model", ["..:make", ":make", "os:", "../x.zip", "/x.zip", "zoo:../x", "x", "a\0.zip", ""])
def test_a_model_is_of_the_zoo_a_file_of_the_folder_or_a_module(entry, tmp_path, model):
    written(tmp_path, dataclasses.replace(entry, model=model))
    with pytest.raises(ValueError, match=r"its model .* is no zoo:NAME, no file of this folder and no MODULE:NAME"):
        entries(tmp_path)


def test_a_module_without_a_file_is_named(entry, tmp_path):
    for module in ("nowhere", "nowhere.at_all", "sys"):
        (problem,) = differences(dataclasses.replace(entry, model=f"{module}:make"), tmp_path, trust=True)
        assert f"there is no file of a module '{module}'" in problem


def test_code_runs_where_it_is_trusted_and_is_judged_by_the_checker(tmp_path):
    with pytest.raises(ValueError, match="is code, which runs when it is scored"):
        entry_of("code", CODE, ["solver=1"], ENV)
    honest = entry_of("code", CODE, ["solver=1"], ENV, {"blanks": [6, 8]}, trust=True)
    assert honest.lines[0].solved == honest.lines[0].n
    assert differences(honest, tmp_path, trust=True) == []
    assert "give --trust" in differences(honest, tmp_path)[0]
    liar = entry_of("liar", "scoreboard_solvers:Claiming", ["solver=1"], ENV, {"blanks": [6, 8]}, trust=True)
    assert 1 <= liar.lines[0].solved < liar.lines[0].n / 10


def test_shipped_entries_are_those_of_the_zoo():
    """`make scoreboard` scores them all anew; here their hashes and scores are compared with the cards."""
    found = entries(SCOREBOARD)
    assert NAME in {entry.name for entry in found}
    for entry in found:
        card = zoo.card(entry.model.removeprefix("zoo:"))
        assert (entry.pool_sha256, entry.model_sha256) == (card.pool_sha256, card.sha256)
        assert entry.lines[0].solved == card.policy.solved
        if card.solver is not None:
            assert [(line.line, line.solved) for line in entry.lines[1:]] == [(card.solver.line, card.solver.solved)]
