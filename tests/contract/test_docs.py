"""Generated pages are what their sources say."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_environment_pages_are_up_to_date():
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "environments").glob("*.md")}
    assert written == pages, "run: python docs/generate.py"


def test_tables_of_recursion_are_those_of_the_published_rows():
    recursion = runpy.run_path(str(DOCS / "recursion.py"))
    assert recursion["PAGE"].read_text(encoding="utf-8") == recursion["page"](), (
        "run: PYTHONPATH=. python docs/recursion.py"
    )
    assert recursion["FIGURE"].is_file()


def test_weights_of_policies_are_counted():
    policies = runpy.run_path(str(DOCS / "policies.py"))
    assert policies["PAGE"].read_text(encoding="utf-8") == policies["page"](), "run: python docs/policies.py"
