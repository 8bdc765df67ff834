"""The likeliest tokens are found without looking at all of them, and they are the likeliest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.llama.candidates import ROWS, Candidates

sizes = st.integers(1, 4000) | st.sampled_from([ROWS * 41, ROWS * 41 + 1, ROWS * 40 - 1])


def loaded(logits: np.ndarray, count: int) -> list[tuple[int, float]] | None:
    candidates = Candidates(len(logits))
    if not candidates.load_likeliest(logits, count):
        return None
    return list(zip(candidates.ids.tolist(), candidates.logits.tolist(), strict=True))


@given(size=sizes, count=st.integers(1, 60), seed=st.integers(0, 2**32 - 1), values=st.integers(1, 10_000))
def test_all_that_reach_the_least_of_the_likeliest_are_there(
    size: int, count: int, seed: int, values: int
) -> None:
    logits = np.random.default_rng(seed).integers(-values, values, size).astype(np.float32)
    found = loaded(logits, count)
    if count >= size:
        assert found is None
        return
    assert found is not None
    assert len(found) >= count
    least = min(logit for _, logit in found)
    assert least <= np.sort(logits)[-count]
    assert found == [(at, logit) for at, logit in enumerate(logits.tolist()) if logit >= least]


def test_what_is_excluded_leaves_its_place_to_the_next() -> None:
    candidates = Candidates(41 * ROWS)
    assert candidates.load_likeliest(np.arange(41 * ROWS, dtype=np.float32), 2, without=np.array([2623, 7]))
    assert {2621, 2622} <= set(candidates.ids.tolist())
    assert not {2623, 7} & set(candidates.ids.tolist())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("at", [0, 2000, 41 * ROWS])
def test_what_is_no_number_is_left_to_others(bad: float, at: int) -> None:
    logits = np.arange(41 * ROWS + 3, dtype=np.float32)
    logits[at] = bad
    assert loaded(logits, 40) is None
    assert loaded(logits, 60) is None


def test_too_few_possible_tokens_are_left_to_others() -> None:
    logits = np.full(41 * ROWS, -np.inf, np.float32)
    logits[7] = 1.0
    assert loaded(logits, 40) is None
