"""Replies longer than their window: they go on, and what they moved is nobody else's prefix."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.engine.engine import Engine
from inference.engine.kv_cache import Stream
from inference.telemetry import ContextShifted, TelemetryEvent
from inference.types.context import ContextShift
from inference.types.requests import Resume
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

N_CTX = 64
PROMPT = list(b"You are a heron. What do you see?")
KEEP = 16
SHIFT = ContextShift(keep=KEEP)


class Marking(PacedBackend):
    """Remembers of every cell whether it was computed somewhere else."""

    def shift(self, stream: int, start: int, count: int) -> bool:
        super().shift(stream, start, count)
        self.held[stream][start:] = [cell if cell < 0 else ~cell for cell in self.held[stream][start:]]
        return True


class Refusing(PacedBackend):
    """Its streams are found out to be immovable only when it comes to it."""

    def shift(self, stream: int, start: int, count: int) -> bool:
        return False


class Immovable(PacedBackend):
    can_shift = False


def make_engine(
    kind: type[PacedBackend] = Marking, heard: list[TelemetryEvent] | None = None, **changes: Any
) -> tuple[Engine, PacedBackend, Recorder]:
    config = paced_config(**{"n_ctx": N_CTX, "n_batch": 32} | changes)
    clock = FakeClock()
    backend = kind(config, clock=clock, sleep=clock.sleep)
    listener = None if heard is None else heard.append
    return Engine(backend, config, clock=clock, listener=listener), backend, Recorder()


def check_books(engine: Engine, backend: PacedBackend) -> None:
    """What streams claim to hold is what is there, and only what was moved is marked as their own."""
    for stream in engine._kv.streams:
        held = backend.held[stream.index]
        assert stream.tokens == [cell if cell >= 0 else ~cell for cell in held]
        moved = [at for at, cell in enumerate(held) if cell < 0]
        assert not moved or (stream.busy and stream.shifted_at is not None and moved[0] >= stream.shifted_at)
    for sequence in engine._scheduler.running:
        assert sequence.ids[: len(sequence.stream.tokens)] == sequence.stream.tokens


def test_a_reply_goes_on_beyond_its_window_and_keeps_the_beginning() -> None:
    heard: list[TelemetryEvent] = []
    engine, backend, seen = make_engine(heard=heard)
    engine.submit(make_request("a", PROMPT, max_tokens=200, shift=SHIFT), seen)
    while engine.step():
        check_books(engine, backend)
        for sequence in engine._scheduler.running:
            assert sequence.stream.tokens[:KEEP] == PROMPT[:KEEP]
    finished = seen.finished("a")
    assert (finished.finish_reason, finished.usage.completion_tokens) == ("length", 200)
    assert seen.text("a") == expected_text(PROMPT, 200)
    shifts = [event for event in heard if isinstance(event, ContextShifted)]
    assert shifts[0] == ContextShifted("a", (N_CTX - KEEP) // 2)
    assert finished.usage.discarded_tokens == sum(shift.discarded for shift in shifts)
    assert len(shifts) == -(-(len(PROMPT) + 200 - N_CTX) // ((N_CTX - KEEP) // 2))


def test_no_more_is_left_than_is_to_be_retained() -> None:
    heard: list[TelemetryEvent] = []
    engine, _, seen = make_engine(heard=heard)
    engine.submit(make_request("a", PROMPT, max_tokens=60, shift=ContextShift(keep=KEEP, retain=5)), seen)
    drain(engine)
    assert next(event.discarded for event in heard if isinstance(event, ContextShifted)) == N_CTX - KEEP - 5
    assert seen.text("a") == expected_text(PROMPT, 60)


@pytest.mark.parametrize(
    ("kind", "shift"),
    [(Marking, None), (Immovable, SHIFT), (Marking, ContextShift(keep=N_CTX * 3 // 4 + 1))],
)
def test_a_reply_ends_with_its_window(kind: type[PacedBackend], shift: ContextShift | None) -> None:
    engine, _, seen = make_engine(kind)
    engine.submit(make_request("a", PROMPT, max_tokens=200, shift=shift), seen)
    drain(engine)
    finished = seen.finished("a")
    assert (finished.finish_reason, finished.usage.completion_tokens) == ("length", N_CTX - len(PROMPT))


def test_what_cannot_be_moved_after_all_is_computed_anew() -> None:
    engine, backend, seen = make_engine(Refusing)
    engine.submit(make_request("a", PROMPT, max_tokens=100, shift=SHIFT), seen)
    while engine.step():
        check_books(engine, backend)
    assert seen.text("a") == expected_text(PROMPT, 100)


def test_only_the_beginning_of_a_shifted_reply_is_a_prefix_for_others() -> None:
    engine, backend, seen = make_engine()
    engine.submit(make_request("a", PROMPT, max_tokens=60, shift=SHIFT), seen)
    window: list[int] = []
    while engine.step():
        window = next((list(each.ids) for each in engine._scheduler.running), window)
    assert max(len(stream.tokens) for stream in engine._kv.streams) == KEEP
    for name in ("b", "c"):
        engine.submit(make_request(name, window, max_tokens=2), seen)
        drain(engine)
        check_books(engine, backend)
    assert seen.started("b").cached_tokens == KEEP
    assert seen.started("c").cached_tokens == len(window) - 1


@pytest.mark.parametrize("shifted_at", [None, 20])
def test_a_reply_begun_anew_keeps_of_its_stream_what_anybody_would_compute(shifted_at: int | None) -> None:
    engine, backend, _ = make_engine()
    stream = Stream(0, [*PROMPT, 1, 2], busy=True, shifted_at=shifted_at)
    engine._kv.streams[0] = stream
    backend.held[0] = list(stream.tokens)
    engine._kv.rewind(stream, PROMPT)
    assert stream.tokens == PROMPT[: shifted_at or len(PROMPT) - 1]
    assert stream.shifted_at is None


@settings(max_examples=50, deadline=None)
@given(kill=st.integers(1, 150), retain=st.integers(0, 60), n_ctx=st.sampled_from([64, 80]))
def test_a_resumed_reply_says_the_same_and_has_the_same_window(kill: int, retain: int, n_ctx: int) -> None:
    shift = ContextShift(keep=KEEP, retain=retain)

    def run(resume: Resume | None = None, *, tokens: int) -> tuple[Recorder, list[int]]:
        engine, _, seen = make_engine(n_ctx=n_ctx)
        engine.submit(make_request("a", PROMPT, max_tokens=200, shift=shift, resume=resume), seen)
        while len(seen.token_ids("a")) < tokens:
            engine.step()
        return seen, engine._live.by_id["a"].ids

    uncut, window = run(tokens=160)
    first, _ = run(tokens=kill)
    resume = Resume(token_ids=first.token_ids("a"), text=first.text("a"))
    second, resumed_window = run(resume, tokens=160 - kill)
    assert resume.text + second.text("a") == uncut.text("a")
    assert [*resume.token_ids, *second.token_ids("a")] == uncut.token_ids("a")
    assert resumed_window == window


branches = st.lists(st.sampled_from([b"aa", b"ab", b"c"]), min_size=1, max_size=3).map(
    lambda parts: list(b"".join(part * 10 for part in parts))
)
submits = st.tuples(
    st.just("submit"),
    branches,
    st.integers(1, 120),
    st.none() | st.builds(ContextShift, keep=st.integers(0, 50), retain=st.integers(0, 60)),
    st.sampled_from(["interactive", "batch"]),
)
others = st.tuples(st.sampled_from(["cancel", "acknowledge"]), st.integers(0, 15)) | st.tuples(
    st.sampled_from(["steps"]), st.integers(1, 40)
)


@settings(max_examples=100, deadline=None)
@given(
    operations=st.lists(submits | others, max_size=30),
    slots=st.integers(1, 3),
    spare=st.integers(0, 1),
    budget=st.sampled_from([0, 600, 1 << 20]),
    flow_control=st.booleans(),
)
def test_whatever_is_shifted_shared_moved_or_evicted_every_text_is_the_oracles(
    operations: list[tuple[Any, ...]], slots: int, spare: int, budget: int, flow_control: bool
) -> None:
    config = paced_config(slots=slots, spare_streams=spare, retained_bytes=budget, n_batch=32, n_ctx=N_CTX)
    clock = FakeClock()
    backend = Marking(config, clock=clock, sleep=clock.sleep)
    engine, seen = Engine(backend, config, clock=clock, flow_control=flow_control), Recorder()
    prompts: list[list[int]] = []
    for operation in operations:
        match operation:
            case ("submit", prompt, tokens, shift, priority):
                name = str(len(prompts))
                request = make_request(name, prompt, max_tokens=tokens, shift=shift, priority=priority)
                engine.submit(request, seen)
                prompts.append(prompt)
            case ("cancel", number):
                engine.cancel(str(number))
            case ("acknowledge", number):
                engine.acknowledge(str(number), 300)
            case ("steps", number):
                for _ in range(number):
                    engine.step()
                    check_books(engine, backend)
    for _ in range(100):
        drain(engine)
        check_books(engine, backend)
        for number in range(len(prompts)):
            engine.acknowledge(str(number), 300)
    for number, prompt in enumerate(prompts):
        finished = seen.finished(str(number))
        assert seen.text(str(number)) == expected_text(prompt, finished.usage.completion_tokens)
