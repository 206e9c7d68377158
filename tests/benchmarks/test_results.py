"""The pages of results say what the published rows say."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_helpers import HAND_MADE, PAGE, SUITE, cells, column, compute, row

from benchmarks import cli
from benchmarks.protocol import published, records, sums
from benchmarks.protocol.rows import UNIFORM, ComputeRow, CurveRow, ResultRow
from benchmarks.protocol.stats import t_interval, wilson_interval
from benchmarks.reporting import results, tables
from trm_envs.maze.generator import generate

DOCS = Path(__file__).parents[2] / "docs" / "results"


@pytest.fixture
def words(tmp_path):
    """A folder of hand-written sentences, empty at first."""
    folder = tmp_path / "words"
    folder.mkdir()
    return folder


@pytest.fixture
def suite_page(hand_made, words):
    """The page of the suite that rows are published on."""

    def made(rows, page=PAGE, **keywords) -> str:
        return results.pages(hand_made(rows, **keywords), words).texts[page]

    return made


def test_the_pages_are_up_to_date():
    made = results.pages()
    written = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert written == made.texts, "run: python -m benchmarks results"
    for path in made.figures:
        assert (DOCS / path).read_bytes().startswith(b"\x89PNG")
        assert any(f"({path})" in text for text in made.texts.values())


def test_no_page_is_longer_than_two_hundred_lines():
    assert all(text.count("\n") <= 200 for text in results.pages().texts.values())


def test_a_changed_row_changes_them(tmp_path):
    folder = tmp_path / "published"
    shutil.copytree(published.PUBLISHED, folder)
    before = results.pages(folder).texts
    for kind, changes in ((ResultRow, {"wall_s": 9e6}), (CurveRow, {"success": 0.123})):
        # Of ablations the page shows success alone, and of one point there is no curve.
        hidden = "ablation-", "colouring-", "control-", "maze-15x15", "sudoku-9x9-sparse"
        files = (path for path in sorted(folder.glob("*.csv")) if not path.name.startswith(hidden))
        path = next(path for path in files if records.schema_of(path) == kind.schema)
        rows = records.read(path, kind)
        # The last row of a method, as no later file repeats it.
        records.write_atomically(path, records.to_csv([*rows[:-1], replace(rows[-1], **changes)], kind))
        with pytest.raises(ValueError, match=f"{path.name} was changed since it was published"):
            results.pages(folder)
        sums.seal(folder, [path.name])
        after = results.pages(folder).texts
        assert after != before
        before = after


def test_rows_of_another_pool_are_refused(hand_made, words):
    folder = hand_made([row(0, [1, 1, 1, 0]), replace(row(1, [1, 1, 1, 0]), pool_sha256="abcd" * 16)])
    with pytest.raises(ValueError, match=f"{SUITE}: published rows were scored on a test pool with SHA-256 abcdabcd"):
        results.pages(folder, words)
    hand_made([row(0, [1, 1, 1, 0])])
    results.pages(folder, words)
    # A search may be of the first puzzles only; results may not.
    hand_made([compute(5, [1, 0])], "search")
    results.pages(folder, words)
    hand_made([row(0, [1, 0], instances=HAND_MADE[:2])])
    with pytest.raises(ValueError, match="run them again on the shipped pool"):
        results.pages(folder, words)


def test_beyond_singles_is_success_on_the_puzzles_that_singles_leave(suite_page):
    rows = [row(0, [1, 1, 1, 0]), row(1, [1, 1, 0, 1]), row(0, [1, 0, 1, 0], "checker_greedy", kind="line", steps=0)]
    text = suite_page(rows)
    assert "4 test puzzles.\n2 of them are beyond naked and hidden singles." in text
    assert column(text, "beyond singles", "upi_trm") == "75.0 %"
    assert column(text, "success", "upi_trm") == "75.0 %"
    assert column(text, "beyond singles", "*checker_greedy*") == "0.0 %"
    assert column(text, "success", "*checker_greedy*") == "50.0 %"
    assert "- upi_trm minus checker_greedy: +25.0 points" in text


@pytest.mark.parametrize(("chosen", "words_of_it"), [([0, 2], "None of them is"), ([1, 3], "All of them are")])
def test_a_suite_with_all_or_none_beyond_singles_says_so(suite_page, chosen, words_of_it):
    instances = HAND_MADE[chosen]
    text = suite_page([row(0, [1, 0], instances=instances)], instances=instances)
    assert f"{words_of_it} beyond naked and hidden singles." in text
    assert " beyond singles |" not in text


def test_the_two_kinds_of_mazes_are_told_apart(suite_page):
    kinds = [generate(9, 2, np.random.default_rng(0), braid) for braid in (0.0, 0.5)]
    instances = np.concatenate(kinds)
    maze = {"suite": "maze-9x9", "env_id": "MazePlanEdit-9x9-v0", "instances": instances}
    rows = [row(0, [1, 1, 1, 0], **maze), row(1, [1, 1, 0, 1], **maze)]
    text = suite_page(rows, "maze-9x9.md", instances=instances)
    assert "2 of them are perfect mazes.\n2 of them are mazes with loops." in text
    assert column(text, "perfect", "upi_trm") == "100.0 %"
    assert column(text, "braided", "upi_trm") == "50.0 %"


def test_every_budget_has_its_table_with_the_lines(suite_page):
    lines = [row(0, [0, 0, 0, 0], "random", kind="line", steps=0)]
    trained = [row(s, [1, 1, k, 0], steps=steps) for s in (0, 1) for steps, k in ((200, 0), (1000, 1))]
    stage0 = [row(s, [1, 0, 0, 0], "stage0", steps=200) for s in (0, 1)]
    text = suite_page([*lines, *trained, *stage0])
    small, large = text[text.index("## 200 env") : text.index("## 1,000 env")], text[text.index("## 1,000 env") :]
    assert column(small, "success", "upi_trm") == "50.0 %"
    assert column(large, "success", "upi_trm") == "75.0 %"
    assert cells(small, "*random*") == cells(large, "*random*")
    # Stage 0 was trained for the small budget only: nothing is compared with it at the large one.
    assert "upi_trm minus stage0: +25.0 points" in small
    assert "stage0" not in large
    assert column(small, "n", "upi_trm") == "4"


def test_methods_that_show_a_learned_value_are_compared_with_the_references_too(suite_page):
    solved = {"hindsight_trm": [1, 1, 1, 1], "upi_trm": [1, 0, 0, 0], "ppo": [0, 0, 0, 0], "stage0": [1, 1, 0, 0]}
    text = suite_page([row(seed, mask, algo) for algo, mask in solved.items() for seed in (0, 1)])
    said = re.findall(r"^- (\S+) minus (\S+): (\S+) points", text, re.MULTILINE)
    assert said == [("hindsight_trm", "stage0", "+50.0"), ("upi_trm", "stage0", "-25.0")]


def asked(number: str, algo: str) -> str:
    """What a sentence says where a number is to stand."""
    return f'{{{{ {number}("{SUITE}", "{algo}", 200) }}}}'


def test_sentences_stand_on_the_page_of_their_suite_with_numbers_from_rows(hand_made, words):
    folder = hand_made([row(0, [1, 1, 1, 0]), row(1, [1, 1, 0, 0])])
    (words / f"{SUITE}.md").write_text(f"Half: {asked('success', 'upi_trm')}\n\n### lines.\n")
    (words / "claims.md").write_text(f"{asked('rate', 'upi_trm')} is a claim.")
    texts = results.pages(folder, words).texts
    assert "\n\nHalf: 62.5 %\n\n### lines.\n\n" in texts[PAGE]
    assert f"{tables.rate(t_interval([0.75, 0.5]).within(0, 1))} is a claim." in texts["index.md"]
    (words / f"{SUITE}.md").write_text(asked("success", "ppo"))
    with pytest.raises(LookupError, match=f"asks for ppo on {SUITE} at 200 steps"):
        results.pages(folder, words)
    (words / f"{SUITE}.md").rename(words / "sudoku-5x5.md")
    with pytest.raises(ValueError, match="unknown suite 'sudoku-5x5'"):
        results.pages(folder, words)


def test_every_claim_has_a_number_and_a_link():
    index = results.pages().texts["index.md"]
    claims = index[index.index("## What the rows show") : index.index("## At a glance")]
    found = re.findall(r"^\d\. .*?(?=^\d\. |\Z)", claims, re.MULTILINE | re.DOTALL)
    assert 5 <= len(found) <= 8
    assert all("%" in claim or "points" in claim for claim in found)
    assert all(re.search(r"\]\(\S+\.md\)", claim) for claim in found)


def test_the_overview_has_a_line_for_the_policy_and_one_for_the_solver_of_the_same_model(suite_page):
    policy = [row(s, solved, steps=steps) for s in (0, 1) for steps, solved in ((200, [1, 1, 1, 0]), (900, [1] * 4))]
    solver = [row(s, [1, 1, 1, 1], "upi_trm+attempts=8") for s in (0, 1)]
    rows = [*policy, *solver, row(0, [1, 1, 1, 0], "hindsight_trm", steps=200)]

    def glance():
        lines = [line for line in suite_page(rows, "index.md").splitlines() if "| upi_trm" in line]
        table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return [[*line[:4], line[-1]] for line in table]

    link, whole = f"[{SUITE}]({PAGE})", "100.0 % [100.0, 100.0]"
    # No other method: of the budgets with most lines the largest.
    assert glance() == [
        [link, "200", "upi_trm", "75.0 % [75.0, 75.0]", "none run"],
        ["", "", "upi_trm+attempts=8", whole, ""],
    ]
    rows += [row(0, [1, 1, 1, 1], "upi_trm+starts=4"), row(0, [1, 1, 1, 0], "upi_trm+starts=2")]
    assert [line[2] for line in glance()] == ["upi_trm", "upi_trm+starts=4", "upi_trm+attempts=8"]
    del rows[-2:]
    rows += [row(0, [0, 0, 0, 0], algo, steps=900) for algo in ("a2c", "ppo", "dqn")]
    assert glance() == [[link, "900", "upi_trm", whole, "none of 3: 0.0 %"]]
    rows += [row(0, [1, 0, 0, 0], "trm_dqn", steps=900)]
    assert glance()[0][-1] == f"trm_dqn: {tables.rate(wilson_interval(1, 4))}"
    rows[:] = solver
    assert glance() == [
        [link, "200", "upi_trm", "not measured", "none run"],
        ["", "", "upi_trm+attempts=8", whole, ""],
    ]
    rows[:] = [row(0, [1, 0, 0, 0], "dqn")]
    assert "At a glance" not in suite_page(rows, "index.md")


def test_costs_are_of_trained_methods_and_say_what_they_may_do(suite_page):
    rows = [row(0, [1, 1, 1, 0]), replace(row(0, [1, 1, 0, 0], "ppo"), legal_actions="consistent")]
    rows += [row(0, [0, 0, 0, 0], "random", kind="line", steps=0), row(0, [1, 1, 1, 1], "upi_trm+attempts=8")]
    text = suite_page(rows)
    costs = text[text.index("cost of training one seed") : text.index("## How to replicate")]
    assert cells(costs, "ppo") == ["ppo", "consistent", "208", "0", "12", "99", "1.5 s"]
    assert "random" not in costs
    # A solver is trained no further than its policy.
    assert "attempts" not in costs


def test_searches_have_a_figure_and_a_table(hand_made, words):
    found = [compute(5, [1, 1, 1, 0], UNIFORM), *(compute(b, [1, 1, 0, 0]) for b in (0, 5, 50))]
    path = f"../images/results/{SUITE}-search-4.png"
    pages = results.pages(hand_made(found), words)
    text = pages.texts["compute.md"]
    assert f"({path})" in text
    assert pages.figures[path]().startswith(b"\x89PNG")
    rows = [line for line in text.splitlines() if line.startswith(("| agent.zip |", f"| {UNIFORM} |"))]
    assert [line.split("|")[2].strip() for line in rows] == ["policy", "search=5", "search=50", "search=5"]
    assert cells(text, "agent.zip")[2:4] == ["50.0 %", tables.span(wilson_interval(2, 4))]
    changed = results.pages(hand_made([*found[:3], replace(found[3], wall_s=2.0)]), words)
    assert changed.texts["compute.md"] != text, "a figure that was drawn from other rows is not announced"


def test_published_searches_survive_csv(hand_made):
    rows = [compute(5, [1, 0, 0, 0], unroll=7), compute(9, [1, 0, 0, 0], network_calls_solved=None)]
    assert published.published(ComputeRow, hand_made(rows)) == rows


def test_a_curve_has_two_points(hand_made, words):
    folder = hand_made([row(0, [1, 1, 1, 0]), row(1, [1, 1, 1, 0])])
    end = [CurveRow(SUITE, "upi_trm", seed, 200, 200, 4, 0.5, 7.0, 0, 0, 1.0) for seed in (0, 1)]
    hand_made(end, "run.curves")
    assert not results.pages(folder, words).figures
    hand_made([*end, replace(end[0], algo="ppo", env_steps=300)], "run.curves")
    assert not results.pages(folder, words).figures
    hand_made([*end, replace(end[0], env_steps=100)], "run.curves")
    assert list(results.pages(folder, words).figures) == [f"../images/results/{SUITE}.png"]


def test_the_command_writes_and_checks(hand_made, words, tmp_path, monkeypatch, capsys):
    points = [CurveRow(SUITE, "upi_trm", 0, 200, k, 4, 0.5, 7.0, 0, 0, 1.0) for k in (50, 100)]
    folder = hand_made([row(0, [1, 1, 1, 0])])
    hand_made(points, "run.curves")
    monkeypatch.setattr(results.pages, "__defaults__", (folder, words))
    out = tmp_path / "docs" / "results"
    command = ["results", "--out", str(out)]
    assert cli.main([*command, "--check"]) == 1
    assert "+# Results" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main(command) == cli.main([*command, "--check"]) == 0
    figure = tmp_path / f"docs/images/results/{SUITE}.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    figure.unlink()
    assert cli.main([*command, "--check"]) == 1
    assert "there is no figure ../images/results" in capsys.readouterr().err
    assert cli.main(command) == 0
    # A page of a suite that has no rows any more goes.
    (out / "sudoku-9x9.md").write_text("old")
    assert cli.main([*command, "--check"]) == 1
    assert "no row makes the page sudoku-9x9.md" in capsys.readouterr().err
    assert cli.main(command) == cli.main([*command, "--check"]) == 0
