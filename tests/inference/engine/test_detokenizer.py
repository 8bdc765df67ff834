"""Any split of any bytes gives the text that the whole gives, and nothing is held back without need."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference.engine.detokenizer import Detokenizer

texts = st.text(alphabet="abé🙂\0", max_size=40).map(str.encode)
noise = st.lists(st.sampled_from([b"a", b"\xc3", b"\xa9", b"\xf0\x9f", b"\xed\xa0\x80", b"\0"])).map(b"".join)
stops = st.lists(st.text(alphabet="abé🙂\ufffd", min_size=1, max_size=4), max_size=3)


def whole(data: bytes, stop: list[str]) -> str:
    """The oracle: decode at once, cut at the stop string that completes first, the longest of those."""
    text = data.decode("utf-8", "replace").replace("\0", "\ufffd")
    for end in range(len(text) + 1):
        complete = [len(word) for word in stop if text[:end].endswith(word)]
        if complete:
            return text[: end - max(complete)]
    return text


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(texts | noise | st.binary(max_size=30), stops, st.lists(st.integers(0, 200)))
@example(b"abab\xc3\xa9", ["babe", "ab\xe9"], [1, 2, 3, 4, 5])
def test_any_split_equals_the_whole(data: bytes, stop: list[str], cuts: list[int]) -> None:
    detokenizer = Detokenizer(stop)
    released = "".join(detokenizer.push(piece) for piece in split(data, cuts)) + detokenizer.flush()
    assert released == whole(data, stop)


@given(texts, stops)
def test_holds_back_only_what_may_become_a_stop_string(data: bytes, stop: list[str]) -> None:
    detokenizer = Detokenizer(stop)
    released = seen = ""
    for character in data.decode():
        seen += character.replace("\0", "\ufffd")
        released += detokenizer.push(character.encode())
        if detokenizer.stopped:
            return
        held = seen.removeprefix(released)
        assert seen == released + held
        assert not held or any(word.startswith(held) and word != held for word in stop)


def test_a_stop_string_across_tokens_is_never_shown() -> None:
    detokenizer = Detokenizer(["STOP"])
    assert [detokenizer.push(piece) for piece in (b"go S", b"T", b"OP more", b"x")] == ["go ", "", "", ""]
    assert detokenizer.stopped
    assert detokenizer.flush() == ""


def test_a_false_alarm_is_released() -> None:
    detokenizer = Detokenizer(["STOP"])
    assert detokenizer.push(b"ST") == ""
    assert detokenizer.push(b"ART") == "START"
    assert not detokenizer.stopped


def test_an_unfinished_character_becomes_a_replacement_at_the_end() -> None:
    detokenizer = Detokenizer()
    assert detokenizer.push("é".encode()[:1]) == ""
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.flush() == ""


@pytest.mark.parametrize("data", [b"\0", b"\xff", b"\xed\xa0\x80"])
def test_what_postgresql_refuses_never_comes_out(data: bytes) -> None:
    detokenizer = Detokenizer()
    text = detokenizer.push(data) + detokenizer.flush()
    assert set(text) == {"\ufffd"}
