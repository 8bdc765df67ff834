"""What the example clients make of a stream; whole conversations are in acceptance/test_examples.py."""

from __future__ import annotations

import httpx2
import pytest

from examples.parley_client import TRIES, Reading, ReplyFailed


def test_a_reader_knows_where_it_is() -> None:
    reading = Reading("g")
    assert reading.headers == {}
    assert reading.feed("id: 0") == ""
    assert reading.headers == {}
    assert reading.feed('data: {"type": "token", "content": "Hello: "}') == "Hello: "
    assert reading.headers == {"Last-Event-ID": "0"}
    assert (reading.feed(": keep-alive"), reading.feed("")) == ("", "")
    reading.feed('data: {"type": "done"}')
    assert reading.is_over


def test_a_failed_reply_is_an_exception() -> None:
    with pytest.raises(ReplyFailed, match="Out of memory"):
        Reading("g").feed('data: {"type": "error", "error": "Out of memory."}')


def test_it_tries_again_as_long_as_something_comes() -> None:
    reading, error = Reading("g"), httpx2.ReadError("lost")
    for _ in range(TRIES - 1):
        reading.lost(error)
    reading.feed('data: {"type": "token", "content": "x"}')
    for _ in range(TRIES - 1):
        reading.lost(error)
    with pytest.raises(httpx2.ReadError):
        reading.lost(error)
