"""Model files are replaced as a whole or not at all, and a damaged one is named when it is loaded."""

import io
import os
import random
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from agent_helpers import agent, assert_same_weights, weights

from trm_agents import UPITRM, HindsightTRM, zoo
from trm_agents.common import saving

ROOT = Path(__file__).parents[2]

KILLED = """
import os, sys
import gymnasium as gym
from trm_agents import UPITRM
from trm_agents.common import saving
model = UPITRM("MultiInputPolicy", gym.make("trm_envs:SudokuPlanEdit-4x4-v0"), seed=1, device="cpu")
saving.os.fsync = lambda number: os.kill(os.getpid(), 9)
model.save(sys.argv[1])
"""


def test_a_killed_save_leaves_the_file_before_and_the_next_one_clears_up(tmp_path):
    path, model = tmp_path / "model.zip", agent("default", seed=0)
    model.save(path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2
    model.save(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("given", "written"), [("m", "m.zip"), ("m.zip", "m.zip"), ("m.tar", "m.tar"), ("a/b/m", "a/b/m.zip")]
)
@pytest.mark.parametrize("as_path", [str, Path])
def test_names_are_completed_as_sb3_completes_them(tmp_path, given, written, as_path):
    model = agent("default", seed=0)
    model.save(as_path(tmp_path / given))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / written]
    same = type(model).load(as_path(tmp_path / given), env=model.env)
    assert_same_weights(weights(model), weights(same))


def test_what_is_no_file_is_written_to_as_it_is(tmp_path):
    model, out = agent("default", seed=0), io.BytesIO()
    model.save(out)
    assert zipfile.is_zipfile(out)
    model.save(Path(os.devnull))
    assert Path(os.devnull).is_char_device()
    (tmp_path / "target.zip").write_bytes(b"old")
    (tmp_path / "link.zip").symlink_to(tmp_path / "target.zip")
    model.save(tmp_path / "link.zip")
    assert (tmp_path / "link.zip").is_symlink() and zipfile.is_zipfile(tmp_path / "target.zip")


def test_a_replaced_file_keeps_its_mode(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    path.chmod(0o640)
    saving.write_atomically(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


def test_leftovers_of_dead_writers_are_swept_and_nothing_else(tmp_path):
    dead, alive = 2**22 + 1, os.getppid()
    home = tmp_path / "cells" / "a"
    home.mkdir(parents=True)
    gone = [home / f".model.zip.{dead}.zip", home / f".bare.{dead}", tmp_path / f".run.json.{dead}.json"]
    kept = [
        home / f".model.zip.{alive}.zip",
        home / f".model.zip.{dead}.txt",
        home / ".hidden",
        home / ".v1.2",
        home / "a.5.b",
    ]
    for path in (*gone, *kept):
        path.write_text("half")
    saving.sweep(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("models") / "model.zip"
    agent("default", seed=0).save(path)
    return path.read_bytes()


def test_a_cut_off_file_is_named(tmp_path, content):
    path, rng = tmp_path / "cut.zip", random.Random(0)
    for size in [0, 1, len(content) - 1, *(rng.randrange(len(content)) for _ in range(20))]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut\.zip is (not a zip file, or a damaged one|damaged)"):
            UPITRM.load(path)


def test_a_flipped_bit_is_named_or_changes_nothing(tmp_path, content):
    model = agent("default", seed=0)
    path, rng, named = tmp_path / "flipped.zip", random.Random(1), 0
    for _ in range(30):
        damaged = bytearray(content)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(damaged))
        try:
            same = UPITRM.load(path, env=model.env)
        except ValueError as error:
            assert "flipped.zip" in str(error)
            named += 1
        else:
            assert_same_weights(weights(model), weights(same))
    assert named > 20


def test_an_agent_of_the_zoo_without_an_environment_says_what_is_missing():
    for file in (zoo.path("upi-trm-sudoku-4x4"), str(zoo.path("upi-trm-sudoku-4x4"))):
        with pytest.raises(ValueError, match=r"needs a plan-edit environment.*pass env="):
            HindsightTRM.load(file)


def test_other_errors_than_damage_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        UPITRM.load(tmp_path / "none.zip")


def test_a_zip_that_unpacks_to_terabytes_is_refused_at_once(tmp_path):
    """Its directory says what it unpacks to, and no more than that is ever read of a member."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(500):
            archive.writestr("data" if number == 0 else f"{number}.pth", b"{}")
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 24 : at + 28] = (2**32 - 2).to_bytes(4, "little")
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(bytes(content))
    for algorithm in (UPITRM, HindsightTRM):
        with pytest.raises(ValueError, match=r"bomb\.zip would unpack to 2,000 GiB, and a model file has 4 at most"):
            algorithm.load(path, device="cpu")
