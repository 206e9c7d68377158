"""The curriculum as an instance source, against plain models of what it promises; state and bad values of both."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import curriculum, play, pool, rng

from trm_envs import Curriculum, Retry
from trm_envs.instances import adaptive

OUTCOMES = st.lists(st.booleans(), max_size=60)


@pytest.mark.parametrize(
    ("outcomes", "stage"),
    [
        ([True] * 99, 0),
        ([True] * 100, 1),
        ([True] * 80 + [False] * 20, 0),
        ([False] * 20 + [True] * 80, 0),
        ([False] * 19 + [True] * 81, 1),
        ([False] * 40 + [True] * 160, 0),
        ([False] * 40 + [True] * 161, 1),
        # The early failures have left the window of 200 when 161 of it are solved.
        ([False] * 200 + [True] * 160, 0),
        ([False] * 200 + [True] * 161, 1),
        ([True] * 199, 1),
        ([True] * 200, 2),
        ([True] * 1000, 2),
    ],
)
def test_a_stage_is_left_when_more_than_the_threshold_is_solved(outcomes: list[bool], stage: int) -> None:
    source = curriculum()
    play(source, outcomes)
    assert source.stage == stage == source.progress["stage"]


@given(OUTCOMES, st.integers(1, 12), st.sampled_from([0.0, 0.5, 0.75, 0.8, 1.0]))
def test_stages_against_a_plain_count(outcomes: list[bool], window: int, threshold: float) -> None:
    source = curriculum(4, window=window, threshold=threshold, review=0.0)
    stage, since = 0, []
    for solved in outcomes:
        instance, ticket = source.draw(rng())
        assert instance[0] == stage
        source.report(ticket, solved)
        since = [*since, solved][-window:]
        if stage < 3 and len(since) >= window / 2 and sum(since) > threshold * len(since):
            stage, since = stage + 1, []
        assert source.progress["stage"] == stage and source.progress["stage_tries"] == len(since)
        if since:
            assert source.progress["stage_success"] == sum(since) / len(since)
        else:
            assert math.isnan(source.progress["stage_success"])


def test_episodes_that_end_early_do_not_count_before_slower_ones_begun_before() -> None:
    source = curriculum(window=10)
    tickets = [source.draw(rng())[1] for _ in range(400)]
    for ticket in tickets[1::2]:
        source.report(ticket, True)
    assert source.progress["stage_tries"] == 0, "half of all tries are solved, and the others are not over"
    for ticket in tickets[::2]:
        source.report(ticket, False)
    assert source.stage == 0 and source.progress["stage_success"] == 0.5


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([True, False, None])), max_size=80))
def test_the_window_holds_the_last_tries_in_the_order_they_began(events: list[tuple[int, bool | None]]) -> None:
    """Ten sub-environments; an event ends the episode of one, by a report or (None) by abandoning it."""
    source = curriculum(1, window=20)
    playing = {row: source.draw(rng())[1] for row in range(10)}
    ended: dict[int, bool | None] = {}

    def end(row: int, solved: bool | None) -> None:
        ended[playing[row]] = solved
        if solved is None:
            source.abandon(playing[row])
        else:
            source.report(playing[row], solved)

    for row, solved in events:
        end(row, solved)
        playing[row] = source.draw(rng())[1]
    for row in range(10):
        end(row, None)
    expected = [ended[ticket] for ticket in sorted(ended) if ended[ticket] is not None][-20:]
    assert source.get_state()["window"] == tuple(expected) and source.get_state()["open"] == ()


def test_tries_begun_before_the_stage_do_not_count_for_it() -> None:
    source = curriculum(window=4, review=0.0)
    late = [source.draw(rng())[1] for _ in range(8)]
    for ticket in late[:2]:
        source.report(ticket, True)
    assert source.stage == 1
    for ticket in late[2:5]:
        source.report(ticket, True)
    for ticket in late[5:]:
        source.abandon(ticket)
    assert source.stage == 1 and source.progress["stage_tries"] == 0


def test_a_report_counts_once() -> None:
    source = curriculum(1)
    _, ticket = source.draw(rng())
    for _ in range(3):
        source.report(ticket, True)
        source.abandon(ticket)
    assert source.progress["stage_tries"] == 1


def test_a_try_that_is_never_heard_of_again_holds_nothing_up_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "PATIENCE", 3)
    source = curriculum(window=10)
    source.draw(rng())
    play(source, [True] * 29)
    assert source.stage == 0
    play(source, [True])
    assert source.stage > 0


def test_the_stage_before_is_reviewed_now_and_then() -> None:
    generator = rng()
    for review in (0.0, 0.1, 1.0):
        source = curriculum(window=2, review=review)
        assert source.sample(generator)[0] == 0, "nothing comes before the first stage"
        source.report(source.draw(generator)[1], True)
        assert source.stage == 1
        drawn = [source.draw(generator) for _ in range(2000)]
        reviews = [ticket is None for _, ticket in drawn]
        assert [instance[0] == 0 for instance, _ in drawn] == reviews
        assert abs(np.mean(reviews) - review) < 0.03


def test_sampling_leaves_no_trace() -> None:
    for source in (curriculum(window=2), Retry(curriculum(window=2), 0.5)):
        play(source, [True, False, False])
        before = source.get_state()
        assert {int(source.sample(rng(seed))[0]) for seed in range(50)} == {0, 1}
        source.sample_each([rng(1), rng(2)])
        state = source.get_state()
        for inner in (before.get("source", before), state.get("source", state)):
            inner.pop("next_ticket")
        assert state == before


@given(OUTCOMES, OUTCOMES)
def test_state_goes_on_where_it_was(before: list[bool], after: list[bool]) -> None:
    source, other = (Retry(curriculum(window=6), 0.4, tries=2, capacity=2) for _ in range(2))
    generator = rng()
    play(source, before, generator)
    _, under_way = source.draw(generator)
    state, draws = pickle.loads(pickle.dumps((source.get_state(), generator.bit_generator.state)))
    other.set_state(state)
    copied = rng()
    copied.bit_generator.state = draws
    for one, numbers in ((source, generator), (other, copied)):
        play(one, after, numbers)
        one.report(under_way, False)
    assert source.get_state() == other.get_state()
    assert generator.bit_generator.state == copied.bit_generator.state


def test_a_state_of_another_kind_is_refused() -> None:
    stages, queue, plain = curriculum(3), Retry(pool(1)), pool(1)
    play(stages, [True] * 200)
    for source, state in (
        (plain, stages.get_state()),
        (stages, queue.get_state()),
        (queue, stages.get_state()),
        (stages, plain.get_state()),
        (queue, plain.get_state()),
        (curriculum(2), stages.get_state()),
        (queue, Retry(stages).get_state()),
    ):
        with pytest.raises(ValueError, match=r"keywords|neither"):
            source.set_state(state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Curriculum([]), "at least one stage"),
        (lambda: Curriculum([Retry(pool(1))]), "wrap the whole curriculum"),
        (lambda: curriculum(threshold=1.1), "threshold"),
        (lambda: curriculum(review=-0.1), "review"),
        (lambda: curriculum(window=0), "window"),
        (lambda: Retry(pool(1), 1.5), "probability"),
        (lambda: Retry(pool(1), True), "probability"),
        (lambda: Retry(pool(1), "0.3"), "probability"),  # type: ignore[arg-type]
        (lambda: Retry(pool(1), tries=0), "tries"),
        (lambda: Retry(pool(1), capacity=0), "capacity"),
    ],
)
def test_bad_values_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
