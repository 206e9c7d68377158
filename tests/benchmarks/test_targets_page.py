"""The page of targets: arms of one suite and budget, with their attempts."""

from __future__ import annotations

from page_helpers import PAGE, column, row

from benchmarks.reporting import overview, results, targets_page
from benchmarks.reporting.summary import summarise

SURVIVAL, OUTCOME, COSTS = "upi_trm-survival", "upi_trm-outcome", "upi_trm-cost_to_go"


def test_targets_stand_together_with_their_attempts(hand_made, tmp_path):
    solved = {
        SURVIVAL: [1, 1, 1, 0],
        f"{SURVIVAL}+attempts=8": [1, 1, 1, 1],
        OUTCOME: [1, 1, 0, 0],
        COSTS: [1, 0, 0, 0],
        f"{COSTS}+attempts=8": [1, 1, 0, 0],
        f"{SURVIVAL}@unroll=4": [1, 1, 1, 1],
        "ppo": [1, 1, 1, 1],
    }
    page = results.pages(hand_made([row(0, mask, algo) for algo, mask in solved.items()]), tmp_path).texts["targets.md"]
    table = page[page.index("## sudoku-4x4-hard, 200 steps") :]
    assert column(table, "policy alone", "survival").startswith("75.0 %")
    assert column(table, "8 attempts", "survival").startswith("100.0 %")
    assert column(table, "policy alone", "Monte Carlo").startswith("50.0 %") and "| ppo" not in table
    assert column(table, "8 attempts", "Monte Carlo") == ""
    assert column(table, "8 attempts", "cost-to-go").startswith("50.0 %")
    # A variant in something else than the target is another comparison.
    assert table.count("\n| ") == 2 + 3
    assert all(f"`{method}`" in page for method in targets_page.TARGETS)


def test_the_page_of_a_suite_leaves_them_to_it(hand_made, tmp_path):
    variant = f"{SURVIVAL}@target.anchored=solved"
    rows = [row(0, [1, 1, 0, 0], algo) for algo in (SURVIVAL, variant, f"{variant}+attempts=8", OUTCOME)]
    rows.append(row(0, [1, 0, 0, 0], "checker_greedy", kind="line", steps=0))
    link = "Compared on pages of their own:\n[what a network learns from](targets.md), at 200 environment steps.\n"

    def suite_page(*more) -> str:
        return results.pages(hand_made([*rows, *more]), tmp_path).texts[PAGE]

    text = suite_page(row(0, [1, 1, 0, 0], "ppo", steps=400))
    assert link in text and "## 200 environment steps" not in text and "| ppo |" in text and "| upi_trm-" not in text
    # With others at the same budget the rows stay, and variants alone go.
    text = suite_page(row(0, [1, 1, 0, 0], "ppo"))
    assert link in text and {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")} == {
        *("method", ":---", "ppo", SURVIVAL, OUTCOME, "*checker_greedy*")
    }
    rows[1:3] = []
    text = suite_page()
    assert link not in text and f"| {SURVIVAL} |" in text


def test_two_targets_make_no_table(hand_made, tmp_path):
    rows = [row(0, [1, 0, 0, 0], algo) for algo in (SURVIVAL, OUTCOME)]
    assert "## sudoku" not in results.pages(hand_made(rows), tmp_path).texts["targets.md"]


def test_an_overview_leaves_variants_to_the_pages():
    rows = [row(0, [1, 1, 0, 0], SURVIVAL), row(0, [1, 1, 1, 0], f"{SURVIVAL}@unroll=4"), row(0, [1, 0, 0, 0], "ppo")]
    found = overview.glance(rows[0].suite, summarise(rows))
    assert found is not None and found.policy is not None
    assert (found.policy.algo, [line.algo for line in found.others]) == (SURVIVAL, ["ppo"])
    assert overview.glance(rows[0].suite, summarise(rows[1:2])) is None
