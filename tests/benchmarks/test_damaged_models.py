"""Damaged model files of cells, and hand-made ones: which is broken is said, and no cell is blocked by one."""

import dataclasses
import io
import json
import random
import shutil
import zipfile
from pathlib import Path

import bench_fakes
import pytest
from bench_fakes import HereLauncher, run_words, without_clock

from benchmarks import cli
from benchmarks.commands import launching
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.rows import CurveRow
from benchmarks.protocol.suites import pool
from benchmarks.running import models, training
from benchmarks.running.cell import run_cell
from trm_agents import zoo

ENV = "SudokuPlanEdit-4x4-v0"
CELL = Cell("sudoku-4x4-hard", "mine", 0, 200)


def new_folder(root: Path) -> Folder:
    folder = Folder(root)
    folder.save_plan([CELL], {"command": "python -m benchmarks run"})
    return folder


class KilledError(Exception):
    """Stands for a killed process."""


@pytest.fixture
def interrupted(tmp_path, monkeypatch) -> Folder:
    """A cell that died after 135 of 200 steps: its newest checkpoint is of step 130, the one before of step 120."""
    folder, step = new_folder(tmp_path / "run"), training.CellCallback._on_step

    def dying(self):
        if self.num_timesteps == 135:
            raise KilledError
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(training, "CHECKPOINT_S", 0.0)
        patch.setattr(training.CellCallback, "_on_step", dying)
        with pytest.raises(KilledError):
            run_cell(CELL, folder, bench_fakes, 1, "command")
    return folder


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    """Of a member's content, so that the zip itself looks well."""
    content = bytearray(path.read_bytes())
    content[content.index(b'"trace"') + 3] ^= 1
    path.write_bytes(bytes(content))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def strip_label(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        data = archive.read("data")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", data)


DAMAGES = [cut_off, flip_a_bit, empty, strip_label]


def resumed(folder: Folder, monkeypatch) -> tuple[list[int], dict]:
    """Steps from which training went on, and what is to be compared of the cell's row, curve and model."""
    started, learn = [], bench_fakes.FakeModel.learn

    def recorded(self, *arguments, **keywords):
        started.append(self.num_timesteps)
        return learn(self, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(bench_fakes.FakeModel, "learn", recorded)
        row = run_cell(CELL, folder, bench_fakes, 1, "command")
    model = bench_fakes.METHODS["mine"].load(folder.of_cell(CELL) / "model.zip", "", {})
    curve = [(point.env_steps, point.success) for point in folder.curves()]
    return started, {"row": without_clock(dataclasses.asdict(row)), "trace": model.trace, "curve": curve}


@pytest.fixture
def whole(tmp_path, monkeypatch) -> dict:
    return resumed(new_folder(tmp_path / "whole"), monkeypatch)[1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_goes_on(interrupted, whole, monkeypatch, capsys, damage):
    home = interrupted.of_cell(CELL)
    damage(home / "checkpoint.zip")
    started, facts = resumed(interrupted, monkeypatch)
    assert started == [120] and facts == whole
    out = capsys.readouterr().out
    assert f"{home / 'checkpoint.zip'} " in out and "set aside as checkpoint.zip.damaged" in out
    left = sorted(path.name for path in home.iterdir() if path.suffix != ".lock")
    assert left == ["checkpoint.zip.damaged", "curve.jsonl", "model.zip", "outcomes.npz", "progress.txt"]


@pytest.mark.parametrize("missing", [False, True])
def test_without_a_whole_checkpoint_the_cell_starts_again(interrupted, whole, monkeypatch, missing):
    """The newest is damaged or was lost between two renames."""
    home = interrupted.of_cell(CELL)
    if missing:
        (home / "checkpoint.zip").unlink()
        assert resumed(interrupted, monkeypatch)[0] == [120]
        return
    for name in ("checkpoint.zip", "checkpoint-before.zip"):
        cut_off(home / name)
    started, facts = resumed(interrupted, monkeypatch)
    assert started == [0] and facts == whole


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_named_and_trained_again(tmp_path, whole, monkeypatch, capsys, damage):
    folder = new_folder(tmp_path / "run")
    resumed(folder, monkeypatch)
    damage(folder.of_cell(CELL) / "model.zip")
    folder.rows_file.unlink()
    started, facts = resumed(folder, monkeypatch)
    assert started == [0] and facts == whole
    assert "model.zip.damaged" in capsys.readouterr().out


def test_a_damaged_point_of_a_curve_does_not_block_its_cell(interrupted, whole, monkeypatch, capsys):
    curve = interrupted.of_cell(CELL) / "curve.jsonl"
    lines = curve.read_bytes().split(b"\n")
    curve.write_bytes(b"\n".join([lines[0][:-9], *lines[1:]]))
    _, facts = resumed(interrupted, monkeypatch)
    assert facts["row"] == whole["row"] and facts["curve"] == whole["curve"][1:]
    assert "this point of the learning curve is lost" in capsys.readouterr().out
    assert (curve.parent / "curve.jsonl.damaged").read_bytes() == lines[0][:-9] + b"\n"


def test_a_run_goes_on_over_what_killed_writers_left(tmp_path, monkeypatch):
    out = tmp_path / "run"
    monkeypatch.setattr(launching, "LocalLauncher", lambda: HereLauncher(limit=2))
    assert cli.main(run_words(out, "mine", "0")) == 130
    home = Folder(out).of_cell(CELL)
    dead = 2**22 + 1
    left = [home / f".model.zip.{dead}.zip", home / f".progress.txt.{dead}.txt", out / f".run.json.{dead}.json"]
    home.mkdir(parents=True, exist_ok=True)
    for path in left:
        path.write_bytes(b"half")
    monkeypatch.setattr(launching, "LocalLauncher", HereLauncher)
    assert cli.main(run_words(out, "mine", "0", "--resume")) == 0
    assert not any(path.exists() for path in left)
    assert not [path for path in out.rglob(".*") if path.is_file()]


def test_a_rewritten_curve_is_never_half_there(interrupted, monkeypatch):
    """Killed while points of steps that are made again are removed."""
    curve = interrupted.of_cell(CELL) / "curve.jsonl"
    before = records.read(curve, CurveRow)

    def killed(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("trm_agents.common.saving.os.replace", killed)
        with pytest.raises(KilledError):
            records.rewrite(curve, before[:1])
    assert records.read(curve, CurveRow) == before


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def marked(content: bytes, local: int, central: int, value: int) -> bytes:
    """A zip with a byte of every member's two headers changed."""
    out = bytearray(content)
    for start in range(len(out) - 4):
        offset = {b"PK\x03\x04": local, b"PK\x01\x02": central}.get(bytes(out[start : start + 4]))
        if offset is not None:
            out[start + offset] = value
    return bytes(out)


def hand_made() -> dict[str, bytes]:
    """Zips that are no models, or half of one."""
    raw = zoo.path("upi-trm-sudoku-4x4").read_bytes()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    data, label = json.loads(members["data"]), json.loads(members["benchmark.json"])
    made = {
        "empty": b"",
        "no-members": zipped({}),
        "cut-off": raw[: len(raw) // 2],
        "head-only": b"PK\x03\x04" + b"x" * 100,
        "encrypted": marked(raw, 6, 8, 1),
        "unknown-compression": marked(raw, 8, 10, 99),
        "deep-json": zipped({**members, "data": b"[" * 100_000}),
        "deep-label": zipped({**members, "benchmark.json": b'{"a":' * 100_000}),
    }
    for name in ("data", "states", "tensors.safetensors"):
        made[f"no-{name}"] = zipped({key: value for key, value in members.items() if key != name})
    for name in ("data", "states", "tensors.safetensors", "benchmark.json"):
        made[f"empty-{name}"] = zipped({**members, name: b""})
        made[f"junk-{name}"] = zipped({**members, name: b"\x80\x04junk"})
    for key in ("policy_class", "observation_space", "action_space", "policy_kwargs"):
        made[f"null-{key}"] = zipped({**members, "data": json.dumps({**data, key: None}).encode()})
    for key, value in (("algo", 5), ("algo", []), ("env_id", None), ("env_kwargs", []), ("env_kwargs", None),
                       ("cost", 5), ("cost", {"a": 1}), ("algo", "[/x]"), ("env_kwargs", {"zz": 1})):  # fmt: skip
        made[f"label-{key}-{value}"] = zipped({**members, "benchmark.json": json.dumps({**label, key: value}).encode()})
    return made


HAND_MADE = hand_made()


@pytest.fixture
def puzzles(tmp_path) -> Path:
    grids = pool(ENV, {"blanks": [6, 8]}, "test").instances[:2]
    path = tmp_path / "mine.txt"
    path.write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    return path


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_zips_end_in_exit_code_2(name, tmp_path, puzzles, capsys):
    path = tmp_path / "model.zip"
    path.write_bytes(HAND_MADE[name])
    adding = ["zoo", "add", str(path), "mine", "--suite", "sudoku-4x4-hard", "--commit", "x", "--to", str(tmp_path)]
    scoring = ["evaluate", str(path), "--env", ENV, "--puzzles", str(puzzles)]
    for words in (scoring, ["watch", str(path)], [*adding, "--allow-dirty"]):
        assert cli.main(words) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_damaged_bytes_end_in_exit_code_2_or_change_nothing(tmp_path, puzzles, capsys):
    raw, path, rng = zoo.path("upi-trm-sudoku-4x4").read_bytes(), tmp_path / "model.zip", random.Random(0)
    words = ["evaluate", str(path), "--env", ENV, "--puzzles", str(puzzles), "--json"]
    shutil.copy(zoo.path("upi-trm-sudoku-4x4"), path)
    assert cli.main(words) == 0
    expected, named = capsys.readouterr().out, 0
    for _ in range(40):
        content = bytearray(raw)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(content))
        code = cli.main(words)
        captured = capsys.readouterr()
        assert (code == 0 and captured.out == expected) or (code == 2 and str(path) in captured.err)
        named += code == 2
    assert named > 30


@pytest.mark.parametrize("env", ["CartPole-v1", "nonsense", "", ":", "a:b", "os:x-v0", "[/x]", "SudokuPlanEdit-4x4-v9"])
def test_a_wrong_environment_ends_in_exit_code_2(env, puzzles, capsys):
    words = ["evaluate", "zoo:upi-trm-sudoku-4x4", "--env", env, "--puzzles", str(puzzles)]
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert "name one like SudokuPlanEdit-9x9-v0 or MazePlanEdit-9x9-v0" in captured.err and captured.out == ""


@pytest.mark.parametrize("name", ["tensorboard_log=../..", "tensorboard_log=/tmp", "tensorboard_log=x"])
def test_settings_name_no_folder_to_write_to(name, tmp_path, capsys):
    words = ["run", "--suite", "sudoku-4x4-hard", "--algos", f"ppo@{name}", "--out", str(tmp_path / "run"), "--dry-run"]
    assert cli.main(words) == 2
    assert "has no setting 'tensorboard_log'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "algo", ["ppo@env.puzzles=../../../x.txt", "a/../../../b", "..", "[/x]", "100%", "\N{SNOWMAN}"]
)
def test_no_cell_has_a_folder_elsewhere(algo, tmp_path):
    home = Folder(tmp_path).of_cell(Cell("../suite", algo, 0, 5)).resolve()
    assert home.relative_to(tmp_path.resolve() / "cells").parts[0] == "..%2Fsuite"
    assert len(home.relative_to(tmp_path.resolve() / "cells").parts) == 2


def test_a_label_says_what_cost_it_is_of(tmp_path):
    path = tmp_path / "model.zip"
    models.save(bench_fakes.FakeModel("mine", 0), path, models.Label("mine", ENV, {}, models.Cost(1, 2, 3, 4, 5.0)))
    assert models.is_usable(path) and models.cost_of(path) == models.Cost(1, 2, 3, 4, 5.0)
    models.save(bench_fakes.FakeModel("mine", 0), path, models.Label("mine", ENV))
    with pytest.raises(ValueError, match="does not say what its model has cost"):
        models.cost_of(path)
