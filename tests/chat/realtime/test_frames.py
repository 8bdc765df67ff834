from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.realtime.frames import KNOWN_TYPES, BadFrame, read_command
from chat.realtime.protocol.commands import Ping, SendMessage

UUID = "00000000-0000-0000-0000-000000000000"


def refusal(frame: object) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        read_command(frame if isinstance(frame, str) else json.dumps(frame))
    return caught.value


def test_good_frames() -> None:
    assert read_command('{"type": "ping"}') == Ping()
    command = read_command('{"type": "send_message", "content": "a\\ud83d\\ude00"}')
    assert command == SendMessage(content="a😀")


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '"x"', "1", "{", "[" * 60_000])
def test_what_is_no_object(text: str) -> None:
    bad = refusal(text)
    assert (bad.error.code, bad.error.field, bad.request_id) == ("invalid_frame", None, None)


@pytest.mark.parametrize("kind", ["fly", "", 5, None])
def test_unknown_types_are_told_the_known_ones(kind: object) -> None:
    bad = refusal({"type": kind, "request_id": "r"})
    assert (bad.error.code, bad.error.field, bad.request_id) == ("unknown_type", "type", "r")
    assert "send_message" in bad.error.message


@pytest.mark.parametrize(
    ("frame", "code", "field"),
    [
        ({"type": "ping", "extra": 1}, "invalid_field", "extra"),
        ({"type": "send_message"}, "invalid_field", "content"),
        ({"type": "send_message", "content": ""}, "invalid_content", "content"),
        ({"type": "send_message", "content": 5}, "invalid_content", "content"),
        ({"type": "send_message", "content": "x" * 60_001}, "invalid_content", "content"),
        ({"type": "send_message", "content": "x", "options": []}, "invalid_field", "options"),
        ({"type": "send_message", "content": "x", "parent_id": "x"}, "invalid_field", "parent_id"),
        ({"type": "send_message", "content": "x", "request_id": ""}, "invalid_field", "request_id"),
        ({"type": "send_message", "content": "\ud800"}, "invalid_content", "content"),
        ({"type": "edit_message", "message_id": UUID, "content": "\udc00x"}, "invalid_content", "content"),
        ({"type": "send_message", "content": "x", "request_id": "\ud800"}, "invalid_content", "request_id"),
        ({"type": "cancel", "generation_id": "x"}, "invalid_field", "generation_id"),
        ({"type": "resume", "generation_id": UUID, "after_seq": -2}, "invalid_field", "after_seq"),
        ({"type": "resume", "generation_id": UUID, "after_seq": "1"}, "invalid_field", "after_seq"),
    ],
)
def test_the_wrong_part_is_named(frame: dict[str, object], code: str, field: str) -> None:
    bad = refusal(frame)
    assert (bad.error.code, bad.error.field) == (code, field)
    assert field in bad.error.message
    assert bad.error.message.endswith(".")


def test_the_words_for_content() -> None:
    assert "empty" in refusal({"type": "send_message", "content": ""}).error.message
    assert "too long" in refusal({"type": "send_message", "content": "x" * 60_001}).error.message
    assert "must be text" in refusal({"type": "send_message", "content": None}).error.message


def test_a_broken_frame_that_python_reads_is_still_refused() -> None:
    frame = f'{{"type": "resume", "generation_id": "{UUID}", "after_seq": NaN}}'
    assert refusal(frame).error.code == "invalid_frame"


def answers(text: str) -> bool:
    """Whether the text is a command, or refused with a code and a sentence."""
    try:
        read_command(text)
    except BadFrame as bad:
        return bool(bad.error.code and bad.error.message)
    return True


@given(
    st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5).map(json.dumps)
)
def test_no_text_breaks_the_reader(text: str) -> None:
    assert answers(text)


@given(st.dictionaries(st.sampled_from(["type", "content", "request_id", "options", "after_seq"]), st.text()))
def test_no_object_breaks_the_reader(frame: dict[str, str]) -> None:
    assert answers(json.dumps(frame))


@given(st.sampled_from(KNOWN_TYPES), st.dictionaries(st.sampled_from(["content", "options", "x"]), st.text()))
def test_no_command_breaks_the_reader(kind: str, fields: dict[str, str]) -> None:
    assert answers(json.dumps({"type": kind, **fields}))
