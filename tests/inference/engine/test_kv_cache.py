"""Which stream a prompt gets, and how much of it needs no computing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import Row
from inference.backends.paced.backend import TOKEN_BYTES, PacedBackend
from inference.engine.costs import Costs
from inference.engine.host_store import HostStore
from inference.engine.kv_cache import WORTH_KEEPING, KVCache, Stream
from inference.engine.prefix import common_prefix
from inference.telemetry import Origin
from tests.support.engine import FakeClock, paced_config

A = list(range(100))
B = list(range(200, 300))


class Cache:
    """A KVCache on the paced backend, whose streams are filled by hand."""

    def __init__(self, slots: int = 2, spare: int = 1, budget: int = 1 << 20, **backend: Any) -> None:
        self.backend = PacedBackend(paced_config(slots=slots, spare_streams=spare))
        self.store = HostStore(budget, 2)
        self.costs = Costs(self.backend.n_ctx)
        self.kv = KVCache(self.backend, slots=slots, store=self.store, costs=self.costs, clock=FakeClock())

    def seat(self, ids: list[int], key: str = "") -> tuple[Stream, Origin, int]:
        """Seat and compute; also tells how much was there."""
        stream, origin = self.kv.seat(ids, key)
        cached = len(stream.tokens)
        rows = [Row(stream.index, ids[at], at, False) for at in range(cached, len(ids))]
        self.backend.decode(rows)
        stream.tokens += ids[cached:]
        self.check()
        return stream, origin, cached

    def leave(self, ids: list[int], key: str = "") -> Stream:
        """Seat, compute and release."""
        stream, _, _ = self.seat(ids, key)
        self.kv.release(stream)
        return stream

    def check(self) -> None:
        assert [stream.tokens for stream in self.kv.streams] == self.backend.held
        assert [stream.index for stream in self.kv.streams] == list(range(self.backend.streams))


def test_a_longer_prompt_continues_its_own_stream_in_place() -> None:
    cache = Cache()
    first = cache.leave(A)
    assert cache.seat([*A, 7, 8]) == (first, "stream", len(A))


def test_the_last_id_is_always_left_to_compute() -> None:
    cache = Cache()
    cache.leave(A)
    assert cache.seat(A)[2] == len(A) - 1


def test_a_running_stream_lends_its_prefix() -> None:
    cache = Cache()
    running, _, _ = cache.seat([*A, *B])
    stream, origin, cached = cache.seat([*A, 7])
    assert (origin, cached) == ("copy", len(A))
    assert stream is not running
    assert running.tokens == [*A, *B]


def test_a_fork_leaves_the_better_tail_alone_while_there_is_an_empty_seat() -> None:
    cache = Cache()
    first = cache.leave([*A, *B])
    stream, origin, cached = cache.seat([*A, 7])
    assert (origin, cached) == ("copy", len(A))
    assert stream is not first
    assert first.tokens == [*A, *B]


def test_a_fork_of_the_only_free_stream_saves_the_tail_first() -> None:
    cache = Cache(slots=1, spare=0)
    cache.leave([*A, *B])
    assert cache.leave([*A, 7]).tokens == [*A, 7]
    assert cache.seat([*A, *B, 8])[1:] == ("store", len(A) + len(B))
    assert len(cache.store) == 0


def test_without_a_match_the_least_recently_used_goes_to_the_store() -> None:
    cache = Cache(slots=2, spare=0)
    first, second = cache.leave(A), cache.leave(B)
    assert cache.leave([9] * 50) is first
    assert cache.store.covers(A)
    assert not cache.store.covers(B)
    assert second.tokens == B
    assert cache.seat([*A, 1])[1:] == ("store", len(A))


def test_what_another_place_holds_or_is_too_short_is_not_saved() -> None:
    cache = Cache(slots=2, spare=0)
    cache.seat([*A, *B])
    for ids in ([*A, 7], [7] * (WORTH_KEEPING - 1), [8] * 50):
        cache.leave(ids)
    assert len(cache.store) == 0


def test_a_budget_of_nothing_saves_nothing() -> None:
    cache = Cache(slots=1, spare=0, budget=0)
    cache.leave(A)
    cache.leave(B)
    assert cache.seat([*A, 7])[1:] == ("none", 0)


def test_a_short_common_prefix_is_not_worth_a_copy() -> None:
    cache = Cache()
    cache.seat([*A[:10], *B])
    assert cache.seat([*A[:10], 7])[1:] == ("none", 0)


def test_restoring_that_costs_more_than_computing_is_left() -> None:
    cache = Cache(slots=1, spare=0)
    cache.leave(A)
    cache.leave(B)
    cache.costs.saw_prefill(10, 10.0)
    cache.costs.saw_restore(TOKEN_BYTES, 1.1)
    assert cache.kv.available([*A, 1]) == 0
    for _ in range(30):
        cache.costs.saw_restore(TOKEN_BYTES, 0.01)
    assert cache.kv.available([*A, 1]) == len(A)


def test_all_slots_busy_means_no_seat_although_a_spare_stream_is_free() -> None:
    cache = Cache(slots=1, spare=1)
    cache.seat(A)
    with pytest.raises(ValueError, match="busy"):
        cache.kv.seat(A)
    assert (cache.kv.busy, cache.kv.free_seats, cache.kv.used) == (1, 0, len(A))


def test_a_runtime_that_cannot_keep_a_part_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(slots=1, spare=0)
    cache.leave(A)
    keep = cache.backend.keep
    monkeypatch.setattr(
        cache.backend,
        "keep",
        lambda stream, n: keep(stream, n if n >= len(cache.backend.held[stream]) else 0),
    )
    assert cache.seat([*A[:90], 7])[1:] == ("none", 0)


def test_a_restore_that_is_refused_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(slots=1, spare=0)
    cache.leave(A)
    cache.leave(B)

    def refuse(stream: int, state: object) -> bool:
        cache.backend.keep(stream, 0)
        return False

    monkeypatch.setattr(cache.backend, "restore", refuse)
    assert cache.seat([*A, 7])[1:] == ("none", 0)
    assert not cache.store.covers(A)


def test_a_stream_in_a_pending_copy_is_never_saved_or_restored_into() -> None:
    cache = Cache(slots=2, spare=0)
    cache.leave(A)
    cache.leave(B)
    cache.leave([9] * 50)  # A is in the store, B in stream 1
    donor = cache.kv.seat([*B, *A])
    stream = cache.kv.streams[0]
    cache.backend.copy(donor.stream.index, stream.index)
    stream.tokens = list(donor.stream.tokens)
    seating = cache.kv.seat([*A, 7])
    assert seating.origin == "none"
    cache.check()


def test_a_gap_is_closed_by_moving_the_highest_stream() -> None:
    cache = Cache(slots=3, spare=0)
    first, _, _ = cache.seat(A)
    hole, _, _ = cache.seat(B)
    top, _, _ = cache.seat([9] * 50)
    cache.kv.release(hole)
    assert cache.kv.close_gap([first, top], displaces=True)
    assert (first.index, top.index, hole.index) == (0, 1, 2)
    assert top.tokens == [9] * 50
    assert hole.tokens == []
    assert cache.store.covers(B)
    cache.check()
    assert not cache.kv.close_gap([first, top], displaces=True)


def test_what_is_paused_between_running_streams_makes_room() -> None:
    cache = Cache(slots=3, spare=1)
    first, _, _ = cache.seat(A)
    paused, _, _ = cache.seat(B)
    top, _, _ = cache.seat([9] * 50)
    assert not cache.kv.close_gap([first, top], displaces=False)
    assert cache.kv.close_gap([first, top], displaces=True)
    assert (paused.index, paused.tokens, paused.busy) == (3, B, True)
    assert cache.kv.close_gap([first, top], displaces=True)
    assert (first.index, top.index, top.tokens) == (0, 1, [9] * 50)
    cache.backend.decode([Row(paused.index, 7, len(B), False)])
    paused.tokens.append(7)
    cache.check()
    full = Cache(slots=3, spare=0)
    streams = [full.seat(ids)[0] for ids in (A, B, [9] * 50)]
    assert not full.kv.close_gap(streams[::2], displaces=True)


def test_a_copy_of_a_wider_window_must_save_more() -> None:
    assert [Costs(n_ctx).copy_tokens for n_ctx in (256, 8192, 32_768)] == [16, 16, 64]


prompts = st.lists(st.integers(0, 3), min_size=1, max_size=5).map(
    lambda parts: [p for p in parts for _ in range(40)]
)
actions = st.tuples(st.sampled_from(["seat", "release", "gap"]), prompts, st.integers(0, 5))


@given(st.lists(actions, max_size=30), st.integers(0, 2), st.integers(0, 2000))
def test_the_books_agree_with_the_runtime_whatever_happens(
    operations: list[tuple[str, list[int], int]], spare: int, budget: int
) -> None:
    cache = Cache(slots=3, spare=spare, budget=budget)
    running: list[Stream] = []
    for action, ids, number in operations:
        if action == "seat" and cache.kv.free_seats:
            available = cache.kv.available(ids)
            stream, _, cached = cache.seat(ids, str(number))
            assert cached == available <= len(ids) - 1
            running.append(stream)
        elif action == "release" and running:
            cache.kv.release(running.pop(number % len(running)))
        elif action == "gap" and running:
            running.sort(key=lambda stream: stream.index)
            cache.kv.close_gap([running[0], running[-1]], displaces=number > 2)
        cache.check()
        assert cache.store.used <= budget
        assert cache.kv.busy == len(running)


def test_a_tail_that_is_short_beside_what_has_to_be_moved_with_it_is_not_saved() -> None:
    cache = Cache(slots=1, spare=0)
    long = [at % 97 for at in range(1000)]
    stream = cache.leave([*long, *range(200, 249)])
    assert cache.seat([*long, 7]) == (stream, "stream", len(long))
    assert len(cache.store) == 0
    cache.kv.release(stream)
    cache.leave([*long, *range(300, 360)])
    cache.leave([*long, 8])
    assert len(cache.store) == 1


def test_many_streams_that_hold_different_prompts_are_told_apart_quickly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slots, compared = 32, 0

    def counted(left: list[int], right: list[int]) -> int:
        nonlocal compared
        compared += 1
        return common_prefix(left, right)

    def prompt(number: int) -> list[int]:
        return [*A[:20], number, *[1000 + number] * (2 * WORTH_KEEPING)]

    cache = Cache(slots=slots, spare=0, budget=0)
    for seated in [cache.seat(prompt(number))[0] for number in range(slots)]:
        cache.kv.release(seated)
    monkeypatch.setattr("inference.engine.kv_cache.common_prefix", counted)
    for number in range(slots, 2 * slots):
        assert cache.seat(prompt(number))[2] == 20
    assert compared <= 2 * slots * slots  # with each stream once, and not each with each
