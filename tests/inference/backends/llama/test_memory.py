"""What streams of llama.cpp hold: kept, copied, saved and restored, exactly."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
import pytest

from inference.backends.base import Row
from inference.backends.llama.backend import LlamaBackend
from tests.support.llama import logits_of, prefill

PROMPT = "The heron stood on one leg and said hello to the river."


def test_streams_do_not_see_each_other(llama: LlamaBackend) -> None:
    ids, other = llama.tokenize(PROMPT), llama.tokenize("Something else entirely, and longer than that.")
    alone = prefill(llama, 0, ids)
    llama.keep(0, 0)
    prefill(llama, 1, other)
    assert np.allclose(prefill(llama, 0, ids), alone, atol=1e-4)
    assert not np.allclose(prefill(llama, 1, [*other, *ids], len(other)), alone, atol=1e-2)


def test_a_reused_prefix_gives_the_logits_of_a_fresh_prompt(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    fresh = prefill(llama, 0, ids)
    llama.keep(0, 0)
    prefill(llama, 0, [*ids[:10], *llama.tokenize("something else")])
    assert llama.keep(0, 10) == 10
    assert np.allclose(prefill(llama, 0, ids, 10), fresh, atol=1e-4)


def test_keep_tells_what_is_there(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    assert llama.keep(0, 5) == 0
    prefill(llama, 0, ids)
    assert llama.keep(0, 1000) == len(ids)
    assert llama.keep(0, 3) == 3
    assert llama.keep(0, 0) == 0


def test_where_a_part_cannot_be_dropped_all_is(llama: LlamaBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    prefill(llama, 0, llama.tokenize(PROMPT))
    remove = llama_cpp.llama_memory_seq_rm
    monkeypatch.setattr(
        llama_cpp,
        "llama_memory_seq_rm",
        lambda memory, s, start, end: start < 0 and remove(memory, s, start, end),
    )
    assert llama.keep(0, 3) == 0
    assert llama.keep(0, 3) == 0


def test_a_copy_gives_the_logits_of_a_fresh_prompt_while_its_donor_goes_on(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    forked = [*ids[:20], *llama.tokenize("something else")]
    fresh = prefill(llama, 0, forked)
    llama.keep(0, 0)
    donor = prefill(llama, 0, [*ids, 7, 8])
    llama.keep(0, len(ids))
    llama.copy(0, 1)
    assert llama.keep(1, 20) == 20
    rows = [Row(0, [7, 8][at], len(ids) + at, at == 1) for at in range(2)]
    rows += [Row(1, forked[at], at, at == len(forked) - 1) for at in range(20, len(forked))]
    llama.decode(rows)
    assert np.allclose(logits_of(llama, 1), donor, atol=1e-3)
    assert np.allclose(logits_of(llama, len(rows) - 1), fresh, atol=1e-3)


def test_saved_contents_give_the_logits_of_a_fresh_prompt_on_any_stream(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    fresh = prefill(llama, 0, ids)
    size = llama.state_size(0)
    state = llama.save(0)
    assert len(state) == size > 1000
    prefill(llama, 1, llama.tokenize("Something else entirely, and longer than that."))
    llama.keep(0, 0)
    for stream in (1, 0):
        assert llama.restore(stream, state)
        assert llama.keep(stream, 10) == 10
        assert np.allclose(prefill(llama, stream, ids, 10), fresh, atol=1e-3)


def test_a_damaged_state_is_refused_and_leaves_an_empty_stream(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    fresh = prefill(llama, 0, ids)
    assert not llama.restore(0, (ctypes.c_uint8 * 10)())
    assert llama.keep(0, 99) == 0
    assert np.allclose(prefill(llama, 0, ids), fresh, atol=1e-4)


def test_a_stream_that_waits_for_a_copy_cannot_be_saved_nor_its_donor_restored_into(
    llama: LlamaBackend,
) -> None:
    ids = llama.tokenize(PROMPT)
    prefill(llama, 0, ids)
    state = llama.save(0)
    llama.copy(0, 1)
    with pytest.raises(ValueError, match="waits for a copy"):
        llama.save(1)
    for stream in (0, 1):
        with pytest.raises(ValueError, match="takes part in a copy"):
            llama.restore(stream, state)
    llama.save(0)
    prefill(llama, 1, [*ids, 5], len(ids))
    assert llama.restore(0, llama.save(1))


def test_a_sliding_window_that_was_not_saved_is_not_relied_on(llama: LlamaBackend) -> None:
    prefill(llama, 0, llama.tokenize(PROMPT))
    llama._n_swa = 8
    assert llama.keep(0, 20) == 20
    assert llama_cpp.llama_memory_seq_rm(llama._memory, 0, 0, 11)
    assert llama.keep(0, 19) == 19
    assert llama.keep(0, 18) == 0
