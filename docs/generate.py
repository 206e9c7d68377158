"""Pages of the environments, from registration and docstrings: `python docs/generate.py` writes docs/environments/."""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path
from typing import get_args

import gymnasium as gym
import numpy as np

import trm_envs
from trm_envs.control.descent import PASSES, DescentTask
from trm_envs.control.descent_generator import Approach
from trm_envs.control.descent_kernels import restore
from trm_envs.control.descent_sources import descent_instances
from trm_envs.control.lander import VEHICLE
from trm_envs.control.reference import descent_reference, descent_reference_name
from trm_envs.pools.reference import reference_manifest
from trm_envs.registration import ControlRow, Row

FOLDER = Path(__file__).parent / "environments"
HEADS = ("id", "actions", "cells", "symbols", "edits", "entry point")
CONTROL_HEADS = ("id", "numbers of an action", "controls of a plan", "edits or steps", "entry point")
REFERENCE_HEADS = ("pool", "split", "instances", "solved", "mean J*", "largest projected gradient")
PAGES = {
    "SudokuPlanEdit": "sudoku",
    "SudokuPlace": "sudoku_place",
    "MazePlanEdit": "maze",
    "MazeWalk": "maze_walk",
    "OpenMazeWalk": "open_maze_walk",
    "LightUpPlanEdit": "light_up",
    "GraphColouringPlanEdit": "colouring",
}
"""The page of each class."""
NOTE = "<!-- Made by `python docs/generate.py` from registration and docstrings. -->"


def ids(rows: list[Row]) -> str:
    """A Markdown table, one line an id."""
    lines = [f"| {' | '.join(HEADS)} |", f"| :--- |{' ---: |' * 4} :--- |"]
    for row in rows:
        env = gym.make(row.id)
        spaces = env.observation_space.spaces
        cells, symbols = spaces["plan"].shape[0], int(spaces["plan"].high.max()) + 1
        edits = int(spaces["remaining_edits"].high.max())
        entry = str(gym.spec(row.id).entry_point).partition(":")[2]
        lines.append(f"| `{row.id}` | {env.action_space.n} | {cells} | {symbols} | {edits} | `{entry}` |")
    return "\n".join(lines)


def page(name: str, rows: list[Row]) -> str:
    """The Markdown page of one class: its ids, and its documentation."""
    documentation = inspect.getdoc(type(gym.make(rows[0].id).unwrapped)) or ""
    opening = (
        f'Open one with `gym.make("trm_envs:{rows[0].id}")`, and many at once with '
        f'`gym.make_vec("trm_envs:{rows[0].id}", num_envs=B)`.'
    )
    return "\n\n".join([f"# {title(name)}", NOTE, opening, ids(rows), documentation]) + "\n"


def control_ids(rows: list[ControlRow]) -> str:
    """A Markdown table of the environments of systems, one line an id."""
    lines = [f"| {' | '.join(CONTROL_HEADS)} |", "| :--- | ---: | ---: | ---: | :--- |"]
    for row in rows:
        env = gym.make(row.id).unwrapped
        mdp, entry = getattr(env, "mdp", None), str(gym.spec(row.id).entry_point).partition(":")[2]
        horizon = (env.task if mdp is None else mdp.task).horizon
        turns = horizon if mdp is None else mdp.max_edits
        lines.append(f"| `{row.id}` | {env.action_space.shape[0]} | {horizon} | {turns} | `{entry}` |")
    return "\n".join(lines)


def references(system: str) -> str:
    """A Markdown table of the reference optima of a system's pools."""
    lines = [f"| {' | '.join(REFERENCE_HEADS)} |", "| :--- | :--- | ---: | ---: | ---: | ---: |"]
    for name, entry in sorted(reference_manifest().items()):
        for split, facts in entry["splits"].items():
            if name.startswith(system):
                values = (facts["count"], facts["solved"], facts["mean_cost"], facts["largest_projected_gradient"])
                lines.append(f"| `{name}` | {split} | {' | '.join(f'{value:g}' for value in values)} |")
    return "\n".join(lines)


def on_the_slope() -> str:
    """What the reference optima of powered descent say of the constraints: a paragraph and a table."""
    words = (
        "J* may use the tolerances of touchdown and glide slope, as any plan that the checker accepts may. The glide\n"
        "slope binds where an optimal plan is at most half a tolerance above it at a knot, the last three apart. A\n"
        "plan that is restored exactly costs a little more than J*."
    )
    heads = ("pool", "test optima on the glide slope", "median extra cost of the optimum, restored exactly")
    lines = [f"| {' | '.join(heads)} |", "| :--- | ---: | ---: |"]
    task = DescentTask()
    for approach in get_args(Approach):
        instances, found = descent_instances("test", approach), descent_reference("test", approach)
        plans = found.plans.copy()
        binding = task.slope(task.simulate(instances, plans).states[:, 1:-4]).max(axis=1) > -0.5
        exact = task.check(instances, restore(VEHICLE, instances, plans, PASSES))
        extra = np.median((exact.cost / found.costs - 1.0)[exact.feasible])
        lines.append(f"| `{descent_reference_name(approach)}` | {binding.mean():.0%} | {extra:.2%} |")
    return words + "\n\n" + "\n".join(lines)


def control_page(system: str, rows: list[ControlRow]) -> str:
    """The Markdown page of one system: its ids, the documentation of both classes, and its reference optima."""
    edited, stepped = (
        inspect.getdoc(type(gym.make(next(row.id for row in rows if row.id.startswith(prefix))).unwrapped)) or ""
        for prefix in ("ControlPlanEdit-", "Control-")
    )
    opening = f'Open one with `gym.make("trm_envs:{rows[0].id}")`, and many at once with `gym.make_vec`.'
    descent = system == "powered_descent"
    solver = next(iter(reference_manifest().values()))["solver"]
    starts = "a restored hover and twenty reduced-gradient steps" if descent else "clipped LQR and from no control"
    words = (
        "For scoring only; no environment and no agent reads them. Every validation and test instance was solved by\n"
        f"{solver}, from {starts},\n"
        "and the cheaper plan kept. The problem is not convex where the dynamics are not linear: there J* is the best\n"
        "local optimum found. Costs and projected gradients are those of the environment's own simulator, and\n"
        f"{'the reduced gradient' if descent else 'iLQR'} from each plan gains nothing. `trm_envs.control.reference`\n"
        "reads them. To rebuild them, install the extra `reference` and run `python -m trm_envs.building reference`."
    )
    return (
        "\n\n".join(
            [
                f"# {title(system)}",
                NOTE,
                opening,
                control_ids(rows),
                edited,
                "## Step by step",
                stepped.replace("\n## ", "\n### "),
                "## Reference optima",
                words,
                references(system.replace("_", "-")),
                *([on_the_slope()] if descent else []),
            ]
        )
        + "\n"
    )


def title(name: str) -> str:
    """How a folder or file name is written on a page."""
    return {"van_der_pol": "Van der Pol", "light_up": "Light Up", "colouring": "Graph colouring"}.get(
        name, name.replace("_", " ").capitalize()
    )


def pages() -> dict[str, str]:
    """File name -> text, the index included."""
    puzzles = {PAGES[stem]: list(rows) for stem, rows in groupby(trm_envs.ENVIRONMENTS, key=lambda row: row.stem)}
    words = (
        "An episode starts on an instance with its first plan: the givens, start and goal, or nothing. An action\n"
        "edits one cell of the plan, or moves an agent. The reward is what a cheap checker says about the change.\n"
        "[Your own problem](../own_problem.md) shows how to add a puzzle."
    )
    tables = [f"## [{title(name)}]({name}.md)\n\n{ids(rows)}" for name, rows in puzzles.items()]
    systems = {name: list(rows) for name, rows in groupby(trm_envs.CONTROL_ENVIRONMENTS, key=lambda row: row.system)}
    control = (
        "## Systems to control\n\n"
        "An episode starts on a first state of a system with a plan of its controls. An action edits the plan, by\n"
        "real numbers. The reward is by what share the edit lowers the cost that a simulator finds. `Control-*` ids\n"
        "control the same systems step by step."
    )
    control_tables = [f"### [{title(name)}]({name}.md)\n\n{control_ids(rows)}" for name, rows in systems.items()]
    index = "\n\n".join(["# Environments", NOTE, words, *tables, control, *control_tables]) + "\n"
    return {
        "index.md": index,
        **{f"{name}.md": page(name, rows) for name, rows in puzzles.items()},
        **{f"{name}.md": control_page(name, rows) for name, rows in systems.items()},
    }


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
