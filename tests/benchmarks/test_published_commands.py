"""Every published file has the commands that make it, and these commands exist."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from baselines import method
from benchmarks import cli
from benchmarks.commands import arguments
from benchmarks.protocol import records
from benchmarks.protocol.names import named
from benchmarks.protocol.published import PUBLISHED
from benchmarks.protocol.rows import ResultRow
from benchmarks.protocol.suites import SUITES

SCRIPTS = sorted(PUBLISHED.rglob("*.sh"))
STUB = '#!/bin/sh\nfor word in "$@"; do printf "%s\\037" "$word"; done >> "$ASKED"\nprintf "\\036" >> "$ASKED"\n'


def asked(script: Path, folder: Path) -> list[list[str]]:
    """The words of every `python -m benchmarks` of a script, which runs with a stub in place of Python."""
    for name in ("python", "cp"):
        (folder / name).write_text(STUB if name == "python" else "#!/bin/sh\n")
        (folder / name).chmod(0o755)
    log = folder / "asked"
    surroundings = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "ASKED": str(log)}
    subprocess.run(["bash", str(script)], check=True, cwd=folder, env=surroundings)
    calls = [call.split("\x1f")[:-1] for call in log.read_text().split("\x1e")[:-1]]
    return [words[2:] for words in calls if words[:2] == ["-m", "benchmarks"]]


def test_every_published_file_has_its_script():
    files = {path.with_suffix("") for path in PUBLISHED.rglob("*") if path.suffix in (".csv", ".jsonl")}
    data = {path for path in files if path.suffix != ".curves"}
    assert {path.with_suffix("") for path in SCRIPTS} == data


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_commands_parse_and_their_suites_and_methods_exist(script, tmp_path):
    calls = asked(script, tmp_path)
    assert calls
    for words in calls:
        options = cli.parser().parse_args(words)
        for name in [options.suite] if isinstance(getattr(options, "suite", None), str) else []:
            assert name in SUITES
        if options.command == "run":
            assert set(options.suite) <= SUITES.keys()
            assert all(method(named(algo).method).name for algo in options.algos)


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.parent == PUBLISHED], ids=lambda path: path.stem)
def test_a_script_runs_every_line_of_its_file(script, tmp_path):
    data = script.with_suffix(".csv")
    if not data.is_file() or records.schema_of(data) != ResultRow.schema:
        pytest.skip("no results")
    runs = [cli.parser().parse_args(words) for words in asked(script, tmp_path) if words[0] == "run"]
    made = {(s, a, seed, o.steps) for o in runs for s in o.suite for a in o.algos for seed in o.seeds}
    made |= {(s, "stage0", seed, o.steps) for o in runs if o.stage0 for s in o.suite for seed in o.seeds}
    trained = {row.key for row in records.read(data, ResultRow) if row.kind == "method"}
    assert trained <= made


def test_names_with_lists_are_not_cut_at_their_commas():
    assert arguments.names("a@x=[1,2],b") == ["a@x=[1,2]", "b"]
