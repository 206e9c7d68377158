"""What is published: the wheel built from the sdist holds the packages and their data, and says what it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("trm_envs", "trm_agents")
SOURCES = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel built from it, made in a copy so that the checkout stays clean."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*SOURCES, "constraints.txt"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=NOT_SHIPPED)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def wheel(dist: Path) -> zipfile.ZipFile:
    (path,) = dist.glob("*.whl")
    return zipfile.ZipFile(path)


def in_wheel(dist: Path, name: str) -> str:
    """The text of a file of the wheel's metadata."""
    with wheel(dist) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def metadata(dist: Path) -> Message:
    return Parser().parsestr(in_wheel(dist, "METADATA"))


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(dist: Path) -> None:
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc")
    }
    with wheel(dist) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert shipped == ours
    for package in PACKAGES:
        assert f"{package}/py.typed" in shipped


def test_the_sdist_holds_what_the_wheel_and_a_reader_need(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    with wheel(dist) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert shipped | {*SOURCES, "constraints.txt"} <= names


def test_the_wheel_brings_the_command(dist: Path) -> None:
    parser = ConfigParser()
    parser.read_string(in_wheel(dist, "entry_points.txt"))
    assert dict(parser["console_scripts"]) == {"trm": "trm_agents.commands.main:main"}


def test_the_environments_need_nothing_heavy_and_each_extra_is_named(dist: Path) -> None:
    found = metadata(dist)
    plain = [text for text in found.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert {text.split(">")[0].split("<")[0] for text in plain} == {"numpy", "gymnasium", "numba"}
    assert {"agents", "bench", "render", "test"} <= set(found.get_all("Provides-Extra", []))


def test_the_index_would_take_both(dist: Path) -> None:
    files = [str(path) for path in dist.iterdir()]
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files) == 2
