"""Ablations stand beside the method that they change, and on their own page alone."""

from __future__ import annotations

import pytest
from page_helpers import PAGE, column, row

from benchmarks.protocol import published
from benchmarks.protocol.rows import ResultRow
from benchmarks.reporting import ablations, results
from benchmarks.reporting.summary import summarise


def test_ablations_stand_beside_the_reference_and_nowhere_else(hand_made, tmp_path):
    main = [row(s, [1, 1, 1, k]) for s, k in ((0, 1), (1, 0))]
    folder = hand_made(main)
    without = results.pages(folder, tmp_path).texts
    hand_made([row(s, [1, 0, 0, 0]) for s in (0, 1)], "ablation-no-search")
    hand_made([row(s, [1, 1, 0, 0], a) for s in (0, 1) for a in ("upi_trm", "small", "stage0")], "ablation-width")
    texts = results.pages(folder, tmp_path).texts
    found = {one.name: one for one in ablations.compared(published.ablations(folder), main)}
    assert list(found) == ["no-search", "width"]
    assert (found["no-search"].variant.algo, found["width"].variant.algo) == ("upi_trm", "small")
    # A run without a reference of its own takes the published one.
    assert found["no-search"].reference.success == summarise(main)[0].success
    assert found["width"].reference.success.mean == 0.5
    assert column(texts["ablations.md"], "difference", "no-search") == "-62.5"
    assert column(texts["ablations.md"], "difference", "small") == "+0.0"
    assert published.published(ResultRow, folder) == main
    assert texts[PAGE] == without[PAGE]


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


def test_an_ablation_without_reference_is_refused(hand_made, tmp_path):
    folder = hand_made([row(0, [1, 0, 0, 0], steps=400)], "ablation-x")
    hand_made([row(0, [1, 1, 1, 1])])
    with pytest.raises(ValueError, match="ablation 'x': no published upi_trm on sudoku-4x4-hard at 400 steps"):
        results.pages(folder, tmp_path)
