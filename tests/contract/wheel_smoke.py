"""What an installed wheel must do, run by `make wheel-test` in an environment that has nothing else: no test module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trm_agents
import trm_envs

TRM = str(Path(sys.executable).with_name("trm"))
ENV = "SudokuPlanEdit-9x9-v0"
PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
SOLUTION = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"


def trm(*words: str) -> str:
    """What the command prints; it must end well."""
    done = subprocess.run([TRM, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"trm {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Fail at the first thing that is not as it must be."""
    installed = {str(Path(str(package.__file__)).parents[1]) for package in (trm_envs, trm_agents)}
    if not all("site-packages" in folder for folder in installed):
        sys.exit(f"the packages come from {installed}, not from the wheel")
    if SOLUTION not in trm("solve", "--env", ENV, PUZZLE).split():
        sys.exit("trm solve has not printed the solution")
    if "upi-trm-sudoku-9x9" not in trm("zoo"):
        sys.exit("trm zoo does not list the agents")
    trm("watch", "zoo:upi-trm-sudoku-4x4", "--html", "replay.html", "--json")
    print("the wheel works")


if __name__ == "__main__":
    main()
