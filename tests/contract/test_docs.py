"""Generated pages are what their sources say."""

import re
import runpy
from pathlib import Path

from benchmarks.reporting import open_maze_tables, path_tables, recursion_tables
from benchmarks.reporting.readme import BLOCK
from benchmarks.reporting.recursion_tables import IMAGES

DOCS = Path(__file__).parents[2] / "docs"


def test_environment_pages_are_up_to_date():
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "environments").glob("*.md")}
    assert written == pages, "run: python docs/generate.py"


def test_weights_of_policies_are_counted():
    policies = runpy.run_path(str(DOCS / "policies.py"))
    assert policies["PAGE"].read_text(encoding="utf-8") == policies["page"](), "run: python docs/policies.py"


def test_claims_about_recursion_stand_in_their_file_and_beside_rows():
    page = (DOCS / "recursion.md").read_text(encoding="utf-8")
    prose, blocks = BLOCK.sub("", page), {found["name"]: found[0] for found in BLOCK.finditer(page)}
    assert set(blocks) == {*recursion_tables.TABLES, *path_tables.TABLES, "minigrid"}
    assert re.findall(r"\d[\d.,]* ?(?:%|K\b)", prose) == []
    rows = [line for line in blocks["recursion:claimed"].splitlines() if line.startswith("| ")][2:]
    for claim, row in zip(open_maze_tables.claimed(), rows, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        task = f"{claim.task}: {claim.task_is}" if claim.task_is else claim.task
        assert cells[:4] == [claim.description, task, claim.network, claim.claimed] and cells[6] == claim.weights
        # A claim has a measurement beside it, or the reason why there is none.
        assert bool(claim.line) == bool(cells[4]) == bool(cells[7]) != bool(claim.task_is)
    assert all(f"images/{name}" in page and (IMAGES / name).is_file() for name in recursion_tables.FIGURES)
