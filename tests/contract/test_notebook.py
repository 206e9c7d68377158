"""The notebook runs from top to bottom and shows what it says."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "first_steps.ipynb"


@pytest.fixture
def without_a_screen():
    before = matplotlib.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


def test_its_cells_run_in_order_and_more_calls_solve_more_puzzles(without_a_screen):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), names)
    short, long = names["curves"].values()
    for curve in (short, long):
        assert curve == sorted(curve) and curve[-1] > curve[0] + 0.2
    assert long[-1] > 0.95
    assert len(names["frames"]) > 2
