"""The page of what a network knows: cores at equal steps, and all their budgets by the time of training."""

from __future__ import annotations

from dataclasses import replace

from page_helpers import column, row

from benchmarks.reporting import results, told_page

CELLS = "hindsight_trm@policy_kwargs.core.kind=cells"
ALONE = "hindsight_trm-attention@policy_kwargs.core.symmetries=false"
SOLVED = {
    "hindsight_trm": [1, 1, 1, 1],
    CELLS: [1, 1, 0, 0],
    ALONE: [1, 0, 0, 0],
    f"{ALONE}+attempts=8": [1, 1, 1, 0],
    "hindsight_trm@unroll=2": [1, 1, 1, 1],
    "ppo": [1, 1, 1, 1],
}


def page_of(hand_made, tmp_path, rows):
    return results.pages(hand_made(rows), tmp_path).texts["told.md"]


def test_cores_stand_together_with_what_they_know(hand_made, tmp_path):
    page = page_of(hand_made, tmp_path, [row(0, mask, algo) for algo, mask in SOLVED.items()])
    table = page[page.index("## sudoku-4x4-hard, 200 steps") : page.index("## sudoku-4x4-hard, by the time")]
    assert column(table, "policy alone", "exact cover").startswith("100.0 %")
    assert column(table, "knows", "exact cover") == "groups, symbols, model, checker"
    assert column(table, "knows", "cells") == "groups, symmetries, model, checker"
    assert column(table, "knows", "attention, not turned") == "model, checker"
    assert column(table, "8 attempts", "attention, not turned").startswith("75.0 %")
    # A variant in something else than the core is another comparison.
    assert table.count("\n| ") == 2 + 3
    assert all(f"`{method}`" in page for method in told_page.CORES)


def test_budgets_of_all_cores_are_in_the_order_of_the_time_they_took(hand_made, tmp_path):
    rows = [row(0, mask, algo, wall_s=float(10 - k)) for k, (algo, mask) in enumerate(SOLVED.items())]
    rows.append(replace(rows[0], steps=400, wall_s=8.5))
    page = page_of(hand_made, tmp_path, rows)
    lines = [line for line in page[page.index("by the time of training") :].splitlines() if line.startswith("| ")][2:]
    assert [line.split("|")[1].strip() for line in lines] == [
        "attention, not turned",
        "exact cover",
        "cells",
        "exact cover",
    ]


def test_without_rows_the_page_says_so(hand_made, tmp_path):
    page = page_of(hand_made, tmp_path, [row(0, SOLVED[algo], algo) for algo in ("hindsight_trm", "ppo")])
    assert "No rows compare cores yet." in page and "## " not in page
