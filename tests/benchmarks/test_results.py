"""The page of results says what the published rows say."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from row_helpers import result

from benchmarks import cli
from benchmarks.protocol import published, records
from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.rows import UNIFORM, ComputeRow, CurveRow, ResultRow, pack_bits
from benchmarks.protocol.stats import t_interval, wilson_interval
from benchmarks.protocol.suites import Pool
from benchmarks.reporting import ablations, results, tables
from benchmarks.reporting import parts as shipped
from benchmarks.reporting.summary import summarise
from benchmarks.reporting.targets import TARGETS, Measured, Target, judge, searched
from trm_envs.maze.generator import generate

DOCS = Path(__file__).parents[2] / "docs"
SUITE = "sudoku-4x4-hard"

SOLVED = [1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1]
ONE_BLANK = [0, *SOLVED[1:]]
NO_GIVEN, ONE_GIVEN = [0] * 16, [1, *[0] * 15]
HAND_MADE = np.array([ONE_BLANK, NO_GIVEN, SOLVED, ONE_GIVEN], np.int8)
"""Singles finish the first and the third, and get nowhere in the others."""


@pytest.fixture
def hand_made(monkeypatch, tmp_path):
    """A folder of published rows on a test pool of four puzzles; the function publishes rows."""
    grids = [HAND_MADE]
    monkeypatch.setattr(shipped, "pool", lambda *_: Pool(None, grids[0]))

    def publish(rows, name="run", instances=None):
        if instances is not None:
            grids[0] = instances
        records.write_atomically(tmp_path / f"{name}.csv", records.to_csv(rows, type(rows[0])))
        return tmp_path

    return publish


def row(seed: int, solved: list[int], algo: str = "upi_trm", instances=HAND_MADE, **changes) -> ResultRow:
    mask = np.array(solved, np.bool_)
    return result(
        seed, algo=algo, n=len(mask), solved=int(mask.sum()), success=float(mask.mean()), solved_bits=pack_bits(mask),
        pool_sha256=pool_hash(instances), **changes,
    )  # fmt: skip


def compute(budget: int, solved: list[int], guide: str = "agent.zip", **changes) -> ComputeRow:
    mask = np.array(solved, np.bool_)
    made = ComputeRow(
        suite=SUITE, env_id="SudokuPlanEdit-4x4-v0", guide=guide, algo="" if guide == UNIFORM else "upi_trm",
        unroll=None, budget=budget, n=len(mask), solved=int(mask.sum()), success=float(mask.mean()), network_calls=3.5,
        network_calls_solved=2.0, edits=7.0, judged_per_call=9.0, wall_s=1.0, threads=1,
        pool_sha256=pool_hash(HAND_MADE[: len(mask)]), solved_bits=pack_bits(mask), commit="c0ffee", dirty=False,
        cpu="a", versions="x", command="python -m benchmarks compute",
    )  # fmt: skip
    return replace(made, **changes)


def cells(text: str, name: str) -> list[str]:
    """Cells of the first table row that begins with a name."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def column(text: str, head: str, name: str) -> str:
    """What a column of the first table with such a head says of a row."""
    heads = next(line for line in text.splitlines() if line.startswith("| ") and f" {head} |" in line)
    return cells(text, name)[[cell.strip() for cell in heads.strip("|").split("|")].index(head)]


def test_the_page_is_up_to_date():
    page = results.page()
    assert (DOCS / "results.md").read_text(encoding="utf-8") == page.text, "run: python -m benchmarks results"
    for path in page.figures:
        assert (DOCS / path).read_bytes().startswith(b"\x89PNG")
        assert f"({path})" in page.text
    assert (DOCS / "tried.md").read_text(encoding="utf-8").strip() in page.text
    said = re.split(r"^## .+\n", (DOCS / "remarks.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(said) > 1 and all(part.strip() in page.text for part in said)


def test_a_changed_row_changes_it(tmp_path):
    folder = tmp_path / "published"
    shutil.copytree(published.PUBLISHED, folder)
    before = results.page(folder).text
    for kind, changes in ((ResultRow, {"wall_s": 9e6}), (CurveRow, {"success": 0.123})):
        # Of ablations the page shows success alone, and of one point there is no curve.
        hidden = "ablation-", "maze-15x15", "sudoku-9x9-sparse"
        files = (path for path in sorted(folder.glob("*.csv")) if not path.name.startswith(hidden))
        path = next(path for path in files if records.schema_of(path) == kind.schema)
        rows = records.read(path, kind)
        # The last row of a method, as no later file repeats it.
        records.write_atomically(path, records.to_csv([*rows[:-1], replace(rows[-1], **changes)], kind))
        after = results.page(folder).text
        assert after != before
        before = after


def test_rows_of_another_pool_are_refused(hand_made):
    folder = hand_made([row(0, [1, 1, 1, 0]), replace(row(1, [1, 1, 1, 0]), pool_sha256="abcd")])
    with pytest.raises(ValueError, match=f"{SUITE}: published rows were scored on a test pool with SHA-256 abcd"):
        results.page(folder)
    hand_made([row(0, [1, 1, 1, 0])])
    results.page(folder)
    # A search may be of the first puzzles only; results may not.
    hand_made([compute(5, [1, 0])], "search")
    results.page(folder)
    hand_made([row(0, [1, 0], instances=HAND_MADE[:2])])
    with pytest.raises(ValueError, match="run them again on the shipped pool"):
        results.page(folder)


def test_beyond_singles_is_success_on_the_puzzles_that_singles_leave(hand_made):
    rows = [row(0, [1, 1, 1, 0]), row(1, [1, 1, 0, 1]), row(0, [1, 0, 1, 0], "checker_greedy", kind="line", steps=0)]
    text = results.page(hand_made(rows)).text
    assert "4 test puzzles.\n2 of them are beyond naked and hidden singles." in text
    assert column(text, "beyond singles", "upi_trm") == tables.rate(t_interval([0.5, 1.0]).within(0, 1))
    assert column(text, "beyond singles", "upi_trm").startswith("75.0 %")
    assert column(text, "success", "upi_trm") == "75.0 %"
    assert column(text, "beyond singles", "*checker_greedy*") == tables.rate(wilson_interval(0, 2))
    assert column(text, "success", "*checker_greedy*") == "50.0 %"
    assert "- upi_trm minus checker_greedy: +25.0 points" in text


@pytest.mark.parametrize(("chosen", "words"), [([0, 2], "None of them is"), ([1, 3], "All of them are")])
def test_a_suite_with_all_or_none_beyond_singles_says_so(hand_made, chosen, words):
    instances = HAND_MADE[chosen]
    text = results.page(hand_made([row(0, [1, 0], instances=instances)], instances=instances)).text
    assert f"{words} beyond naked and hidden singles." in text
    assert " beyond singles |" not in text[: text.index("## Targets")]


def test_the_two_kinds_of_mazes_are_told_apart(hand_made):
    kinds = [generate(9, 2, np.random.default_rng(0), braid) for braid in (0.0, 0.5)]
    instances = np.concatenate(kinds)
    maze = {"suite": "maze-9x9", "env_id": "MazePlanEdit-9x9-v0", "instances": instances}
    rows = [row(0, [1, 1, 1, 0], **maze), row(1, [1, 1, 0, 1], **maze)]
    targets = [Target("maze-9x9", 200, 1.0, "perfect"), Target("maze-9x9", 200, 1.0, "braided")]
    text = results.page(hand_made(rows, instances=instances), targets=targets).text
    assert "2 of them are perfect mazes.\n2 of them are mazes with loops." in text
    assert column(text, "perfect", "upi_trm") == tables.rate(t_interval([1.0, 1.0]).within(0, 1))
    assert column(text, "braided", "upi_trm") == tables.rate(t_interval([0.5, 0.5]).within(0, 1))
    judged = [
        line.split("|")[-2].strip()
        for line in text[text.index("## Targets") :].splitlines()
        if line.startswith("| upi_trm | maze")
    ]
    assert judged == ["reached", "not reached"]


def test_every_budget_has_its_table_with_the_lines(hand_made):
    lines = [row(0, [0, 0, 0, 0], "random", kind="line", steps=0)]
    trained = [row(s, [1, 1, k, 0], steps=steps) for s in (0, 1) for steps, k in ((200, 0), (1000, 1))]
    stage0 = [row(s, [1, 0, 0, 0], "stage0", steps=200) for s in (0, 1)]
    text = results.page(hand_made([*lines, *trained, *stage0])).text
    small, large = text[text.index("at 200 env") : text.index("at 1,000 env")], text[text.index("at 1,000 env") :]
    assert column(small, "success", "upi_trm") == "50.0 %"
    assert column(large, "success", "upi_trm") == "75.0 %"
    assert cells(small, "*random*") == cells(large, "*random*")
    # Stage 0 was trained for the small budget only: nothing is compared with it at the large one.
    assert "upi_trm minus stage0: +25.0 points" in small
    assert "stage0" not in large[: large.index("## Targets")]
    assert column(small, "n", "upi_trm") == "4"


def test_methods_that_show_a_learned_value_are_compared_with_the_lines_too(hand_made):
    solved = {"upi_trm": [1, 1, 1, 1], "upi_trm-k_step": [1, 0, 0, 0], "ppo": [0, 0, 0, 0], "stage0": [1, 1, 0, 0]}
    trained = [row(seed, mask, algo) for algo, mask in solved.items() for seed in (0, 1)]
    text = results.page(hand_made(trained)).text
    told = re.findall(r"^- (\S+) minus (\S+): (\S+) points", text, re.MULTILINE)
    assert told == [("upi_trm", "stage0", "+50.0"), ("upi_trm-k_step", "stage0", "-25.0")]


def test_remarks_stand_in_the_section_of_their_suite(hand_made, tmp_path):
    folder = hand_made([row(0, [1, 1, 1, 0])])
    remarks = tmp_path / "remarks.md"
    remarks.write_text(f"## sudoku-9x9\n\nOf no rows.\n\n## {SUITE}\n\nTwo\n\n### lines.\n")
    text = results.page(folder, remarks=remarks).text
    section = text[text.index(f"\n## {SUITE}\n") : text.index(f"### {SUITE} at")]
    assert "\n\nTwo\n\n### lines.\n\n" in section
    assert "Of no rows" not in text
    remarks.write_text("## sudoku-5x5\n\nx\n")
    with pytest.raises(ValueError, match="unknown suite 'sudoku-5x5'"):
        results.page(folder, remarks=remarks)


def test_a_suite_at_a_glance_is_its_budget_with_most_methods(hand_made):
    ours = [row(s, solved, steps=steps) for s in (0, 1) for steps, solved in ((200, [1, 1, 1, 0]), (900, [1, 1, 1, 1]))]
    lines = [row(0, [1, 0, 0, 0], "checker_greedy", kind="line", steps=0), row(0, [1, 0, 0, 0], "stage0", steps=100),
             row(0, [1, 1, 0, 0], "stage0", steps=200)]  # fmt: skip
    rows = [*ours, *lines]

    def glance():
        text = results.page(hand_made(rows)).text
        return cells(text[: text.index(f"\n## {SUITE}\n")], f"[{SUITE}](#{SUITE})")[1:7]

    # No other method: the largest budget.
    assert glance() == ["900", "100.0 % [100.0, 100.0]", "", "25.0 %", "", ""]
    rows += [row(0, [0, 0, 0, 0], algo) for algo in ("a2c", "ppo")]
    assert glance() == ["200", "75.0 % [75.0, 75.0]", "none of 2: 0.0 %", "25.0 %", "50.0 %", ""]
    rows += [row(0, [1, 0, 0, 0], "dqn"), row(0, [1, 0, 0, 0], "upi_trm-k_step")]
    one = tables.rate(wilson_interval(1, 4))
    assert glance()[:3] == ["200", "75.0 % [75.0, 75.0]", f"dqn: {one}"]
    rows += [row(0, [1, 1, 1, 1], "upi_trm@unroll=2")]
    assert glance()[1] == f"upi_trm@unroll=2: {tables.rate(wilson_interval(4, 4))}"
    rows[:] = [row(0, [1, 0, 0, 0], "dqn")]
    assert "At a glance" not in results.page(hand_made(rows)).text


def test_costs_are_of_trained_lines_and_say_what_they_may_do(hand_made):
    rows = [row(0, [1, 1, 1, 0]), replace(row(0, [1, 1, 0, 0], "ppo"), legal_actions="consistent")]
    rows.append(row(0, [0, 0, 0, 0], "random", kind="line", steps=0))
    text = results.page(hand_made(rows)).text
    costs = text[text.index("training one seed has cost") : text.index("<details>")]
    assert cells(costs, "ppo") == ["ppo", "consistent", "208", "0", "12", "99", "1.5 s"]
    assert "random" not in costs


def test_searches_have_a_figure_and_a_table(hand_made):
    found = [compute(5, [1, 1, 1, 0], UNIFORM), *(compute(b, [1, 1, 0, 0]) for b in (0, 5, 50))]
    path = "images/results/sudoku-4x4-hard-search-4.png"
    page = results.page(hand_made(found))
    assert f"({path})" in page.text
    assert page.figures[path]().startswith(b"\x89PNG")
    rows = [line for line in page.text.splitlines() if line.startswith(("| agent.zip |", f"| {UNIFORM} |"))]
    assert [line.split("|")[2].strip() for line in rows] == ["greedy", "5", "50", "5"]
    assert cells(page.text, "agent.zip")[2:4] == ["50.0 %", tables.span(wilson_interval(2, 4))]
    changed = results.page(hand_made([*found[:3], replace(found[3], wall_s=2.0)])).text
    assert changed != page.text, "a figure that was drawn from other rows is not announced"


def test_published_searches_survive_csv(hand_made):
    rows = [compute(5, [1, 0, 0, 0], unroll=7), compute(9, [1, 0, 0, 0], network_calls_solved=None)]
    assert published.published(ComputeRow, hand_made(rows)) == rows


TARGET = Target(SUITE, 1000, 0.9)


@pytest.mark.parametrize(
    ("known", "status", "at"),
    [
        ([], "not run yet", None),
        ([(1000, 0.9)], "reached", 1000),
        ([(1000, 0.8999)], "not reached", 1000),
        ([(500, 0.95)], "reached", 500),
        ([(500, 0.5)], "not run yet", 500),
        ([(500, 0.95), (1000, 0.5)], "not reached", 1000),
        ([(500, 0.5), (1000, 0.95)], "reached", 1000),
        ([(2000, 1.0)], "not run yet", None),
    ],
)
def test_targets_are_judged_by_the_longest_training_within_them(known, status, at):
    measured = [Measured(steps, t_interval([mean, mean]), "2 seeds") for steps, mean in known]
    verdict = judge(TARGET, measured)
    assert (verdict.status, verdict.measured and verdict.measured.steps) == (status, at)


def test_a_target_is_not_judged_by_fewer_seeds_that_got_further():
    known = [Measured(steps, t_interval([mean] * seeds), "") for steps, mean, seeds in
             ((300, 0.95, 5), (500, 0.99, 5), (1000, 0.5, 2))]  # fmt: skip
    assert judge(TARGET, known).measured == known[1]
    assert judge(TARGET, known[2:]).status == "not reached"


def test_the_page_judges_targets_by_its_rows(hand_made):
    folder = hand_made([row(0, [1, 1, 1, 0]), row(1, [1, 1, 1, 0]), row(0, [1, 1, 1, 1], "ppo")])
    targets = [
        Target(SUITE, 200, 0.75),
        Target(SUITE, 200, 0.76),
        Target(SUITE, 200, 0.5, "beyond singles"),
        Target(SUITE, 200, 0.51, "beyond singles"),
        Target(SUITE, 300, 0.76),
        Target("maze-9x9", 200, 0.5),
    ]
    text = results.page(folder, targets=targets).text
    verdicts = [line.split("|")[-2].strip() for line in text[text.index("## Targets") :].splitlines() if "| " in line]
    assert verdicts[2:8] == ["reached", "not reached", "reached", "not reached", "not run yet", "not run yet"]
    hand_made([row(0, [1, 1], instances=HAND_MADE[::2])], instances=HAND_MADE[::2])
    with pytest.raises(ValueError, match="the suite has no test puzzles beyond singles"):
        results.page(folder, targets=targets)


def test_a_search_counts_where_its_guide_is_known_and_its_puzzles_are_all():
    target = Target(SUITE, 1000, 0.9, calls=50)
    rows = [compute(50, [1, 1, 1, 0]), compute(10, [1, 1, 1, 1]), compute(50, [1, 1]), compute(50, [1] * 4, "x.zip")]
    rows.append(compute(50, [1] * 4, UNIFORM))
    (found,) = searched(target, rows, {"agent.zip": 800}, 4)
    assert found == Measured(800, wilson_interval(3, 4), "agent")


def test_targets_are_of_known_suites_and_named_once():
    assert len(set(TARGETS)) == len(TARGETS)
    assert all(target.suite in results.SUITES and 0 < target.success <= 1 for target in TARGETS)


def test_ablations_stand_beside_the_reference_and_nowhere_else(hand_made):
    main = [row(s, [1, 1, 1, k]) for s, k in ((0, 1), (1, 0))]
    folder = hand_made(main)
    without = results.page(folder).text
    assert "## Ablations" not in without
    hand_made([row(s, [1, 0, 0, 0]) for s in (0, 1)], "ablation-no-search")
    hand_made([row(s, [1, 1, 0, 0], a) for s in (0, 1) for a in ("upi_trm", "small", "stage0")], "ablation-width")
    text = results.page(folder).text
    found = {one.name: one for one in ablations.compared(published.ablations(folder), main)}
    assert list(found) == ["no-search", "width"]
    assert (found["no-search"].variant.algo, found["width"].variant.algo) == ("upi_trm", "small")
    # A run without a reference of its own takes the published one.
    assert found["no-search"].reference.success == summarise(main)[0].success
    assert found["width"].reference.success.mean == 0.5
    assert column(text[text.index("## Ablations") :], "difference", "no-search") == "-62.5"
    assert column(text[text.index("## Ablations") :], "difference", "small") == "+0.0"
    assert published.published(ResultRow, folder) == main
    assert text[: text.index("## Ablations")].replace("[ablations](#ablations) ·\n", "") in without


def test_a_variant_stands_beside_the_method_it_changes():
    rows = [row(0, [1, 1, 1, 1]), row(0, [1, 1, 0, 0], "upi_trm-k_step"), row(0, [1, 0, 0, 0], "upi_trm-k_step@beta=1")]
    found = {one.variant.algo: one for one in ablations.compared({"beta": rows}, [])}
    assert {algo: one.reference.algo for algo, one in found.items()} == {
        "upi_trm-k_step": "upi_trm",
        "upi_trm-k_step@beta=1": "upi_trm-k_step",
    }
    assert found["upi_trm-k_step@beta=1"].paired.over_puzzles.mean == -0.25
    # A seed of the reference that the variant does not have says nothing of the change.
    (other,) = ablations.compared({"beta": rows[1:]}, [*rows, row(1, [0, 0, 0, 0])])[:1]
    assert (other.reference.seeds, other.reference.success.mean) == (1, 1.0)
    with pytest.raises(ValueError, match="no published upi_trm-k_step on"):
        ablations.compared({"beta": [rows[0], rows[2]]}, [])
    # Nor does one seed stand for another.
    with pytest.raises(ValueError, match=r"with the seeds \[1\] to compare it with"):
        ablations.compared({"beta": [*rows, row(1, [0, 0, 0, 0], "upi_trm-k_step@beta=1")]}, [])


def test_an_ablation_without_reference_is_refused(hand_made):
    folder = hand_made([row(0, [1, 0, 0, 0], steps=400)], "ablation-x")
    hand_made([row(0, [1, 1, 1, 1])])
    with pytest.raises(ValueError, match="ablation 'x': no published upi_trm on sudoku-4x4-hard at 400 steps"):
        results.page(folder)


def test_a_curve_has_two_points(hand_made):
    folder = hand_made([row(0, [1, 1, 1, 0]), row(1, [1, 1, 1, 0])])
    end = [CurveRow(SUITE, "upi_trm", seed, 200, 200, 4, 0.5, 7.0, 0, 0, 1.0) for seed in (0, 1)]
    hand_made(end, "run.curves")
    assert not results.page(folder).figures
    hand_made([*end, replace(end[0], algo="ppo", env_steps=300)], "run.curves")
    assert not results.page(folder).figures
    hand_made([*end, replace(end[0], env_steps=100)], "run.curves")
    assert list(results.page(folder).figures) == [f"images/results/{SUITE}.png"]


def test_the_command_writes_and_checks(hand_made, tmp_path, monkeypatch, capsys):
    points = [CurveRow(SUITE, "upi_trm", 0, 200, k, 4, 0.5, 7.0, 0, 0, 1.0) for k in (50, 100)]
    folder = hand_made([row(0, [1, 1, 1, 0])])
    hand_made(points, "run.curves")
    monkeypatch.setattr(results.page, "__defaults__", (folder, *results.page.__defaults__[1:]))
    out = tmp_path / "docs"
    words = ["results", "--out", str(out)]
    assert cli.main([*words, "--check"]) == 1
    assert "+# Results" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main(words) == cli.main([*words, "--check"]) == 0
    figure = out / f"images/results/{SUITE}.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    figure.unlink()
    assert cli.main([*words, "--check"]) == 1
    assert "there is no figure images/results" in capsys.readouterr().err
