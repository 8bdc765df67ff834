"""Batch work beside chat: as often as it costs little enough, whatever a step together takes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import Row
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.engine.batch import Work
from inference.engine.engine import Engine
from inference.engine.rhythm import KEPT, RENEWED, Rhythm
from inference.engine.sequence import Sequence as EngineSequence
from inference.types.requests import Priority
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

ALONE_MS = 10.0


class Shared(PacedBackend):
    """A step takes longer by `row_ms` for each row but the first; what was computed is noted."""

    def __init__(self, row_ms: float) -> None:
        self.config = paced_config(slots=4, batch_share=1, n_ctx=1024, step_ms=100)
        self.clock = FakeClock()
        super().__init__(self.config, clock=self.clock, sleep=lambda _: None)
        self.row_ms = row_ms
        self.steps: list[set[int]] = []

    def decode(self, rows: Sequence[Row]) -> None:
        super().decode(rows)
        self.steps.append({row.stream for row in rows})
        self.clock.sleep((ALONE_MS + self.row_ms * (len(rows) - 1)) / 1000)


def chat_beside_batch(row_ms: float, steps: int = 200) -> tuple[Shared, float]:
    """The backend, and the tokens a second of a chat beside a batch, relative to one alone."""
    backend = Shared(row_ms)
    engine, seen = Engine(backend, backend.config, clock=backend.clock), Recorder()
    priorities: dict[str, Priority] = {"b": "batch", "c": "batch", "chat": "interactive"}
    for name, priority in priorities.items():
        request = make_request(name, list(name.encode()), priority=priority, max_tokens=900)
        engine.submit(request, seen)
        engine.step()
    backend.steps.clear()
    began, said = backend.clock.now, len(seen.token_ids("chat"))
    for _ in range(steps):
        engine.step()
    rate = (len(seen.token_ids("chat")) - said) / (backend.clock.now - began)
    drain(engine)
    assert seen.text("b") == expected_text([98], len(seen.token_ids("b")))
    return backend, rate * ALONE_MS / 1000


@pytest.mark.parametrize(("row_ms", "every"), [(0.0, 1), (2.0, 1), (3.0, 2), (7.0, 3), (50.0, 20)])
def test_batch_work_joins_every_so_many_steps(row_ms: float, every: int) -> None:
    backend, kept = chat_beside_batch(row_ms)
    together = [at for at, streams in enumerate(backend.steps[:200]) if len(streams) > 1]
    gaps = {later - earlier for earlier, later in pairwise(together)}
    assert gaps <= {every, 2}  # now and then chat's own time is taken anew
    assert len(together) >= 190 // every
    assert kept >= KEPT - 0.01


def test_a_gap_to_batch_work_that_joins_now_and_then_is_closed() -> None:
    backend = Shared(7.0)
    engine, seen = Engine(backend, backend.config, clock=backend.clock), Recorder()
    for request in (
        make_request("chat", [65], max_tokens=200),
        make_request("gone", [66], max_tokens=2),
        make_request("batch", [67], max_tokens=200, priority="batch"),
    ):
        engine.submit(request, seen)
    for _ in range(60):
        engine.step()
    assert {name: each.stream.index for name, each in engine._live.by_id.items()} == {"chat": 0, "batch": 1}
    assert {0} in backend.steps[-3:]
    drain(engine)
    assert seen.text("batch") == expected_text([67], 200)


def test_an_interactive_prompt_waits_for_no_batch_prompt_beside_chat() -> None:
    backend = Shared(7.0)
    engine, seen = Engine(backend, backend.config, clock=backend.clock), Recorder()
    shared = list(b"shared" * 100)
    engine.submit(make_request("chat", [65], max_tokens=400), seen)
    engine.step()
    engine.submit(make_request("batch", [*shared, 1], priority="batch"), seen)
    while not (engine.step() and "batch" in seen.events):
        pass
    engine.submit(make_request("next", [*shared, 2]), seen)
    engine.step()
    assert seen.started("next")


def test_a_hiccup_does_not_end_it() -> None:
    backend = Shared(1.0)
    rhythm = Rhythm(most_ms=400)
    chat, batch = works(backend)
    rhythm.observe([chat], ALONE_MS, chat_tokens=1)
    rhythm.observe([chat, batch], 60_000.0, chat_tokens=1)
    for _ in range(200):
        rhythm.observe([chat], ALONE_MS, chat_tokens=1)
    assert rhythm.lets_join(1)


def test_tokens_count_and_not_steps() -> None:
    """Guesses that were right alone, and are not made together."""
    rhythm = Rhythm(most_ms=400)
    chat, batch = works(Shared(1.0))
    rhythm.observe([chat], 2 * ALONE_MS, chat_tokens=4)
    rhythm.observe([chat, batch], ALONE_MS, chat_tokens=1)
    assert not rhythm.lets_join(1)
    rhythm.observe([chat], 2 * ALONE_MS, chat_tokens=4)
    assert rhythm.lets_join(1)


def test_nothing_joins_replies_whose_own_time_is_not_known() -> None:
    rhythm = Rhythm(most_ms=400)
    chat, _ = works(Shared(1.0))
    assert not rhythm.lets_join(1)
    rhythm.observe([chat], ALONE_MS, chat_tokens=1)
    assert rhythm.lets_join(1)
    assert not rhythm.lets_join(2)


@given(st.lists(st.floats(0.1, 300), min_size=1, max_size=300))
def test_however_long_steps_together_take_chat_keeps_its_share(extra: list[float]) -> None:
    rhythm = Rhythm(most_ms=400)
    chat, batch = works(Shared(1.0))
    rhythm.observe([chat], ALONE_MS, chat_tokens=1)
    elapsed = steps = 0.0
    for more in extra:
        joins = rhythm.lets_join(1)
        elapsed_ms = ALONE_MS + more * joins
        rhythm.observe([chat, batch] if joins else [chat], elapsed_ms, chat_tokens=1)
        elapsed, steps = elapsed + elapsed_ms, steps + 1
    assert steps * ALONE_MS >= KEPT * (elapsed - max(extra)) - 1e-6


def test_chats_own_time_is_taken_anew_where_everything_joins() -> None:
    rhythm = Rhythm(most_ms=400)
    chat, batch = works(Shared(1.0))
    rhythm.observe([chat], 100.0, chat_tokens=1)
    joined = 0
    while rhythm.lets_join(1):
        rhythm.observe([chat, batch], ALONE_MS, chat_tokens=1)
        joined += 1
    assert joined == RENEWED


def works(backend: PacedBackend) -> tuple[Work, Work]:
    requests = make_request("a", [65]), make_request("b", [65], priority="batch")
    chat, batch = (EngineSequence(request, Recorder(), backend, now=0.0) for request in requests)
    return Work(chat, 1), Work(batch, 1)
