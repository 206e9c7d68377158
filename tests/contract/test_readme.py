"""Every number in the README and on hand-written pages comes from published rows, and the README stays short."""

import re
from pathlib import Path

import pytest

from benchmarks.protocol.published import PUBLISHED, ablations, published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting.readme import BLOCK, fill, pages

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
FILLED = pages()


def test_the_readme_and_the_first_page_have_the_overview():
    assert README in FILLED and ROOT / "docs" / "index.md" in FILLED


@pytest.mark.parametrize("page", FILLED, ids=lambda page: page.stem)
def test_tables_are_derived_from_the_published_rows(page):
    text = page.read_text(encoding="utf-8")
    assert fill(text) == text, "run: python -m benchmarks readme"


def test_the_readme_has_nine_hundred_words_at_most_beside_its_tables():
    assert len(BLOCK.sub("", README.read_text(encoding="utf-8")).split()) <= 900


@pytest.mark.parametrize("number", range(3))
def test_each_program_of_the_readme_runs_by_itself(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(programs) == 3
    shorter, replaced = re.subn(r"learn\([\d_]+\)", "learn(500)", programs[number])
    names: dict[str, object] = {}
    exec(compile(shorter, "README.md", "exec"), names)
    assert replaced == 1
    assert ("model" in names, "solutions" in names) == ((True, True), (False, False), (True, False))[number]
    if "model" in names:
        assert names["model"].num_timesteps == 500
    if "solutions" in names:
        assert len(names["solutions"].plans) == 50


def test_links_of_the_readme_lead_somewhere():
    links = [part.split(")")[0] for part in README.read_text(encoding="utf-8").split("](")[1:]]
    for link in (link for link in links if not link.startswith("https://")):
        file, _, heading = link.partition("#")
        assert (ROOT / file).exists(), link
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines() if heading else []
        assert not heading or heading in [line.strip("# ").lower().replace(" ", "-") for line in lines], link


def test_published_rows_are_whole():
    rows = [*published(ResultRow), *(row for run in ablations().values() for row in run)]
    assert rows, f"nothing is published in {PUBLISHED.name}"
    for row in rows:
        assert row.success == pytest.approx(row.solved / row.n)
        assert row.solved == int(row.solved_mask.sum())
        assert not row.dirty, f"{row.algo} seed {row.seed} was run from a changed checkout"
