from __future__ import annotations

import io
import socket
import threading
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.config import EngineConfig
from inference.process.framing import (
    Acknowledge,
    Cancel,
    Command,
    FrameWriter,
    Load,
    Prepare,
    Report,
    Said,
    Submit,
    encode_frame,
    read_commands,
    read_reports,
)
from inference.types.events import Delta, Finished
from inference.types.prompts import PromptMessage
from inference.types.requests import GenerationRequest, Resume
from inference.types.sampling import SamplingParams

ids = st.lists(st.integers(0, 2**31), max_size=50)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
requests = st.builds(
    GenerationRequest,
    request_id=words,
    prompt_ids=ids,
    sampling=st.builds(SamplingParams, seed=st.none() | st.integers(0, 2**32 - 1)),
    priority=st.sampled_from(["interactive", "batch"]),
    time_limit_ms=st.integers(1, 10**9),
    resume=st.none() | st.builds(Resume, token_ids=ids, text=words),
)
commands = st.one_of(
    st.builds(Submit, st.lists(requests, max_size=3)),
    st.builds(Cancel, words),
    st.builds(Acknowledge, words, st.integers(0, 1000)),
    st.builds(
        Prepare, st.integers(0, 10**6), st.lists(st.builds(PromptMessage, st.just("user"), words)), words
    ),
)
deltas = st.builds(Delta, request_id=words, token_ids=ids, text=words)
reports = st.builds(Said, st.lists(deltas, max_size=3))


@given(st.lists(commands, max_size=5))
def test_commands_survive_the_journey(sent: list[Command]) -> None:
    source = io.BytesIO(b"".join(map(encode_frame, sent)))

    assert list(read_commands(source)) == sent


@given(st.lists(reports, min_size=1, max_size=4), st.data())
def test_a_stream_cut_anywhere_yields_the_whole_frames_before_the_cut(
    sent: list[Report], data: st.DataObject
) -> None:
    frames = [encode_frame(report) for report in sent]
    stream = b"".join(frames)
    cut = data.draw(st.integers(0, len(stream) - 1))
    whole = next(n for n in range(len(frames)) if len(b"".join(frames[: n + 1])) > cut)

    assert list(read_reports(io.BytesIO(stream[:cut]))) == sent[:whole]


def test_a_configuration_keeps_its_path() -> None:
    config = EngineConfig(model="m", path=Path("/models/m.gguf"))

    assert list(read_commands(io.BytesIO(encode_frame(Load(config))))) == [Load(config)]


def test_a_dead_peer_looks_like_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as source:
        ours.sendall(b"never read")
        theirs.close()  # with unread data: the connection is reset

        assert list(read_reports(source)) == []


def test_the_writer_never_waits_for_its_reader_and_delivers_in_order() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as source:
        writer = FrameWriter(ours)
        sent = [Cancel("x" * 10_000 + str(n)) for n in range(200)]  # far more than a socket buffers
        for command in sent:
            writer.send(command)
        received = read_commands(source)

        assert [next(received) for _ in sent] == sent
        writer.close(5)


def test_frames_keep_their_order_while_some_are_sent_at_once_and_some_later() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as source:
        writer, received = FrameWriter(ours), read_commands(source)
        sent = [Cancel(f"{number} " + "x" * (number % 7) * 20_000) for number in range(500)]
        sending = threading.Thread(target=lambda: deque(map(writer.send, sent)))
        sending.start()

        assert [next(received) for _ in sent] == sent
        sending.join()
        writer.close(5)


def test_the_writer_shrugs_when_nobody_is_there() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        writer = FrameWriter(ours)
        for _ in range(3):
            writer.send(Cancel("gone"))
        writer.close(5)

        assert not writer._thread.is_alive()


def test_text_that_is_not_unicode_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_frame(Cancel("\ud800"))


def test_an_event_reads_as_itself() -> None:
    from inference.types.events import Timings, Usage

    finished = Finished(
        request_id="r",
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, cached_tokens=0, completion_tokens=2),
        timings=Timings(wait_ms=0.5, prefill_ms=1, decode_ms=2),
        text="held",
    )

    assert list(read_reports(io.BytesIO(encode_frame(Said([finished]))))) == [Said([finished])]
