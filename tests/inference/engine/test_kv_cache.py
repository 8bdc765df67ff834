"""Which stream a prompt gets, and how much of it needs no computing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.kv_cache import KVCache, Stream, common_prefix


def perfect(stream: int, length: int) -> int:
    return length


def fill(cache: KVCache, ids: list[int]) -> Stream:
    stream = cache.seat(ids)
    assert stream is not None
    stream.tokens[:] = ids
    return stream


def test_the_longest_common_prefix_wins() -> None:
    cache = KVCache(3, perfect)
    held = [fill(cache, [1, 2, 3, 4]), fill(cache, [1, 2, 9]), fill(cache, [7])]
    for each in held:
        cache.release(each)
    stream = cache.seat([1, 2, 3, 8, 8])
    assert stream is held[0]
    assert stream.tokens == [1, 2, 3]


def test_the_last_id_is_always_left_to_compute() -> None:
    cache = KVCache(1, perfect)
    cache.release(fill(cache, [1, 2, 3]))
    stream = cache.seat([1, 2, 3])
    assert stream is not None
    assert stream.tokens == [1, 2]


def test_without_a_match_the_least_recently_used_goes() -> None:
    cache = KVCache(2, perfect)
    first, second = fill(cache, [1]), fill(cache, [2])
    cache.release(second)
    cache.release(first)
    assert cache.seat([5]) is second


def test_new_prompts_take_low_indexes_first() -> None:
    cache = KVCache(3, perfect)
    assert [fill(cache, [number]).index for number in range(3)] == [0, 1, 2]


def test_busy_streams_are_not_given_away() -> None:
    cache = KVCache(1, perfect)
    fill(cache, [1, 2])
    assert cache.seat([1, 2, 3]) is None
    assert cache.busy == 1
    assert cache.used == 2


def test_a_runtime_that_cannot_keep_a_part_is_believed() -> None:
    cache = KVCache(1, lambda stream, length: 0)
    cache.release(fill(cache, [1, 2, 3]))
    stream = cache.seat([1, 2, 9])
    assert stream is not None
    assert stream.tokens == []


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_prefix(left: list[int], right: list[int]) -> None:
    size = common_prefix(left, right)
    assert left[:size] == right[:size]
    assert size in (len(left), len(right)) or left[size] != right[size]


@pytest.mark.parametrize(("ids", "size"), [([1, 2], 2), ([1, 3], 1), ([], 0)])
def test_common_prefix_examples(ids: list[int], size: int) -> None:
    assert common_prefix([1, 2, 3], ids) == size
