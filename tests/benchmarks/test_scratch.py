"""Temporary folders: used ones stay, those of killed processes go."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_fakes

from benchmarks.running import scratch

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from benchmarks.running.scratch import scratch
with scratch() as folder:
    Path(sys.argv[1]).write_text(str(folder))
    time.sleep(600)
"""


def old(folder: Path) -> Path:
    os.utime(folder, (0, 0))
    return folder


def test_a_folder_goes_when_its_process_is_killed_and_not_before(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told, stranger = tmp_path / "told", tmp_path / "benchmarks-of-somebody"
    stranger.mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(told)], env=environment)
    try:
        bench_fakes.wait_for(lambda: told.exists() and told.read_text(), 120)
        held = old(Path(told.read_text()))
        with scratch.scratch() as mine:
            assert held.exists() and mine.exists() and mine != held
        assert not mine.exists() and held.exists()
    finally:
        holder.kill()
        holder.wait()
    held.touch()
    with scratch.scratch():
        assert held.exists(), "a young folder may not be locked yet"
    old(held)
    with scratch.scratch():
        assert not held.exists()
    assert old(stranger).exists()
