"""Ablations stand beside the method that they change, and on their own page alone."""

from __future__ import annotations

import pytest
from page_helpers import PAGE, column, row

from benchmarks.protocol import published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import ablations, results

SMALL = "upi_trm@policy_kwargs.width=8"


def test_ablations_stand_beside_the_reference_and_nowhere_else(hand_made, tmp_path):
    main = [row(s, [1, 1, 1, k]) for s, k in ((0, 1), (1, 0))]
    folder = hand_made(main)
    without = results.pages(folder, tmp_path).texts
    hand_made([row(s, [1, 0, 0, 0], "upi_trm@beta=1") for s in (0, 1)], "ablation-beta")
    hand_made([row(s, [1, 1, 0, 0], a) for s in (0, 1) for a in ("upi_trm", SMALL, "stage0")], "ablation-width")
    texts = results.pages(folder, tmp_path).texts
    page = texts["ablations.md"]
    # A run without a reference of its own takes the published one.
    assert column(page, "difference", "upi_trm@beta=1") == "-62.5"
    # One part a reference: these two have other rows.
    assert page.count("## upi_trm on sudoku-4x4-hard, 200 environment steps") == 2
    assert "Reference: 50.0 %" in page and "Reference: 87.5 %" in page
    assert column(page, "difference", SMALL) == "+0.0"
    assert "stage0" not in page and "| upi_trm |" not in page
    assert published.published(ResultRow, folder) == main
    assert texts[PAGE] == without[PAGE]


def test_a_variant_stands_beside_the_method_it_changes_with_the_same_solver():
    solved = {
        "ppo": [1, 1, 1, 1],
        "upi_trm": [1, 1, 0, 0],
        "upi_trm+attempts=8": [1, 1, 1, 0],
        "upi_trm@beta=1": [1, 0, 0, 0],
        "upi_trm@beta=1+attempts=8": [1, 1, 1, 1],
    }
    rows = [row(0, mask, algo) for algo, mask in solved.items()]
    found = {one.variant.algo: one for one in ablations.compared({"beta": rows}, [])}
    assert {algo: (one.reference.algo, one.paired.over_puzzles.mean) for algo, one in found.items()} == {
        "upi_trm@beta=1": ("upi_trm", -0.25),
        "upi_trm@beta=1+attempts=8": ("upi_trm+attempts=8", 0.25),
    }


def test_the_reference_has_the_seeds_of_the_variant():
    reference, variant = row(0, [1, 1, 0, 0]), row(0, [1, 0, 0, 0], "upi_trm@beta=1")
    # A seed of the reference that the variant does not have says nothing of the change.
    (one,) = ablations.compared({"beta": [variant]}, [reference, row(1, [0, 0, 0, 0])])
    assert (one.reference.seeds, one.reference.success.mean) == (1, 0.5)
    # Nor does one seed stand for another.
    with pytest.raises(ValueError, match=r"with the seeds \[1\] to compare it with"):
        ablations.compared({"beta": [reference, variant, row(1, [0, 0, 0, 0], "upi_trm@beta=1")]}, [])


def test_an_ablation_without_reference_is_refused(hand_made, tmp_path):
    folder = hand_made([row(0, [1, 0, 0, 0], "upi_trm@beta=1", steps=400)], "ablation-x")
    hand_made([row(0, [1, 1, 1, 1])])
    with pytest.raises(ValueError, match="ablation 'x': no published upi_trm on sudoku-4x4-hard at 400 steps"):
        results.pages(folder, tmp_path)
