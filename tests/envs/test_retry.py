"""The retry queue as an instance source, against plain models of what it promises."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import curriculum, play, pool, rng

from trm_envs import Retry


def test_a_failed_instance_is_tried_six_more_times() -> None:
    source = Retry(pool(7), probability=1.0)
    for tries in range(1, 15):
        _, ticket = source.draw(rng())
        assert ticket.failures == (tries - 1) % 7
        source.report(ticket, False)
        assert source.progress["retry_queue"] == (tries % 7 != 0)


def test_a_solved_instance_leaves() -> None:
    source = Retry(pool(7), probability=1.0, tries=2)
    play(source, [False, True])
    assert source.progress["retry_queue"] == 0
    # Whichever episode solves it: here a first try of the same instance, begun before the other failed.
    (_, one), (_, other) = source.draw(rng()), source.draw(rng())
    source.report(one, False)
    assert source.progress["retry_queue"] == 1
    source.report(other, True)
    assert source.progress["retry_queue"] == 0


def test_no_two_episodes_retry_the_same_instance_and_the_oldest_comes_first() -> None:
    source = Retry(pool(*range(100)), probability=1.0)
    first = source.draw_each([rng(seed) for seed in range(5)])
    assert first[1] is not None
    for ticket in first[1]:
        source.report(ticket, False)
    again, tickets = source.draw_each([rng(seed) for seed in range(6)])
    assert tickets is not None and [ticket.failures for ticket in tickets] == [1, 1, 1, 1, 1, 0]
    np.testing.assert_array_equal(again[:5], first[0])
    # Abandoned retries wait where they were before, ahead of later failures.
    source.report(tickets[0], False)
    source.abandon(tickets[2])
    np.testing.assert_array_equal([source.draw(rng())[0] for _ in range(2)], first[0][[2, 0]])


def test_a_full_queue_drops_its_oldest() -> None:
    source = Retry(pool(*range(20)), probability=0.0, capacity=3)
    values: list[Any] = []
    for seed in range(30):
        instance, ticket = source.draw(rng(seed))
        source.report(ticket, False)
        values = values if instance[0] in values else [*values, instance[0]][-3:]
    assert source.progress["retry_queue"] == 3
    assert [content[0] for content, _ in source.get_state()["queue"]] == values


def test_share_of_retries() -> None:
    source, generator = Retry(pool(*range(100)), 0.3), rng()
    kinds: Counter[bool] = Counter()
    play(source, [False] * 20, generator)
    for _ in range(3000):
        _, ticket = source.draw(generator)
        kinds[ticket.failures > 0] += 1
        source.report(ticket, False)
    assert abs(kinds[True] / 3000 - 0.3) < 0.03


def test_retries_are_not_tries_of_the_curriculum() -> None:
    source, generator = Retry(curriculum(window=20), 0.5), rng()
    first_tries = 0
    for _ in range(50):
        _, ticket = source.draw(generator)
        first_tries += ticket.failures == 0
        source.report(ticket, ticket.failures > 0)
    assert first_tries < 50
    assert source.progress == {"stage": 0, "stage_tries": min(first_tries, 20), "stage_success": 0.0} | {
        "retry_queue": source.progress["retry_queue"]
    }


def test_without_failures_instances_are_those_of_the_source_beneath() -> None:
    plain, retrying, left, right = pool(*range(100)), Retry(pool(*range(100)), 0.9), rng(), rng()
    for _ in range(50):
        instance, ticket = retrying.draw(left)
        np.testing.assert_array_equal(instance, plain.sample(right))
        retrying.report(ticket, True)


@given(st.lists(st.tuples(st.sampled_from(["draw", "solve", "fail", "abandon"]), st.integers(0, 99)), max_size=80))
def test_the_queue_against_a_plain_list(events: list[tuple[str, int]]) -> None:
    source, generator = Retry(pool(*range(4)), 0.5, tries=2, capacity=3), rng()
    waiting: list[tuple[int, int]] = []
    playing: list[Any] = []
    for event, choice in events:
        if event == "draw" or not playing:
            instance, ticket = source.draw(generator)
            assert ticket.instance == instance.tobytes() and instance.dtype == np.int8
            if ticket.failures:
                assert waiting.pop(0) == (instance[0], ticket.failures)
            playing.append(ticket)
            continue
        ticket = playing.pop(choice % len(playing))
        value, before = ticket.instance[0], next((n for v, n in waiting if v == ticket.instance[0]), 0)
        others = [entry for entry in waiting if entry[0] != value]
        if event == "solve":
            source.report(ticket, True)
            waiting = others
        elif event == "fail":
            source.report(ticket, False)
            if ticket.failures < 2:
                entry = (value, max(before, ticket.failures + 1))
                waiting = [entry if v == value else (v, n) for v, n in waiting] if before else [*waiting, entry][-3:]
        else:
            source.abandon(ticket)
            if ticket.failures:
                waiting = others if before else waiting[-2:]
                waiting = [(value, max(before, ticket.failures)), *waiting]
        assert [(content[0], failures) for content, failures in source.get_state()["queue"]] == waiting
