"""Common prefixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.prefix import BLOCK, common_prefix, is_prefix


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_prefix(left: list[int], right: list[int]) -> None:
    size = common_prefix(left, right)
    assert left[:size] == right[:size]
    assert size in (len(left), len(right)) or left[size] != right[size]
    assert is_prefix(left, right) == (size == len(left))


@pytest.mark.parametrize(("ids", "size"), [([1, 2], 2), ([1, 3], 1), ([], 0)])
def test_common_prefix_examples(ids: list[int], size: int) -> None:
    assert common_prefix([1, 2, 3], ids) == size


@pytest.mark.parametrize("at", [0, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1])
def test_a_difference_is_found_in_any_block(at: int) -> None:
    ids = list(range(3 * BLOCK))
    assert common_prefix(ids, [*ids[:at], -1, *ids[at + 1 :]]) == at
    assert common_prefix(ids, ids[:at]) == at
