"""Nobody starves, nobody is forgotten, and batches have the shape the runtime wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import Row
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.config import EngineConfig
from inference.engine.batch import Plan, Work
from inference.engine.chunk import SMALLEST_CHUNK
from inference.engine.engine import Engine
from inference.engine.scheduler import Scheduler
from inference.engine.sequence import Sequence as EngineSequence
from inference.types.events import Started
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config


class Costly(PacedBackend):
    """Takes time by the row, as a CPU does, and notes every batch."""

    def __init__(self, config: EngineConfig, clock: FakeClock, row_ms: float = 0.0) -> None:
        super().__init__(config, clock=clock, sleep=clock.sleep)
        self.clock = clock
        self.row_ms = row_ms
        self.batches: list[list[Row]] = []

    def decode(self, rows: Sequence[Row]) -> None:
        super().decode(rows)
        self.batches.append(list(rows))
        self.clock.sleep(len(rows) * self.row_ms / 1000)


def costly_engine(
    row_ms: float = 0.0, *, flow_control: bool = False, **changes: object
) -> tuple[Engine, Costly]:
    config = paced_config(**changes)
    clock = FakeClock()
    backend = Costly(config, clock, row_ms)
    return Engine(backend, config, clock=clock, flow_control=flow_control), backend


submits = st.tuples(
    st.just("submit"), st.integers(1, 90), st.integers(1, 40), st.sampled_from(["interactive", "batch"])
)
marks = st.tuples(st.sampled_from(["cancel", "acknowledge"]), st.integers(0, 15))
pauses = st.tuples(st.sampled_from(["step", "sleep"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(submits | marks | pauses, max_size=50), st.booleans())
def test_every_submit_ends_exactly_once(operations: list[tuple[Any, ...]], flow_control: bool) -> None:
    engine, backend = costly_engine(1.0, flow_control=flow_control, slots=3, n_batch=32, step_ms=20)
    seen = Recorder()
    prompts: list[list[int]] = []
    for operation in operations:
        match operation:
            case ("submit", int(size), int(tokens), priority):
                prompt = [65 + len(prompts) % 26] * size
                request = make_request(
                    str(len(prompts)), prompt, max_tokens=tokens, priority=priority, time_limit_ms=3000
                )
                engine.submit(request, seen)
                prompts.append(prompt)
            case ("cancel", number):
                engine.cancel(str(number))
            case ("acknowledge", number):
                engine.acknowledge(str(number), 5)
            case ("sleep",):
                backend.clock.sleep(1.0)
            case _:
                engine.step()
    drain(engine)
    for number, prompt in enumerate(prompts):
        name = str(number)
        finished = seen.finished(name)
        count = len(seen.token_ids(name))
        assert seen.events[name][-1] is finished
        assert [isinstance(event, Started) for event in seen.events[name]].index(True) == 0 if count else True
        assert seen.text(name) == expected_text(prompt, count)
        assert finished.usage.completion_tokens == count
    for rows in backend.batches:
        assert 0 < len(rows) <= 32
        assert rows == sorted(rows, key=lambda row: (row.stream, row.position))
    assert engine.gauges().slots_busy == engine.gauges().queued == 0


def test_running_streams_get_a_token_every_step_while_a_long_prompt_arrives() -> None:
    engine, backend = costly_engine(2.0, slots=4, step_ms=100)
    seen = Recorder()
    for name in "abc":
        engine.submit(make_request(name, [ord(name)] * 4, max_tokens=80), seen)
    engine.step()
    engine.submit(make_request("long", [76] * 2000, max_tokens=1), seen)
    backend.batches.clear()
    while not seen.ends("long"):
        assert engine.step()
    assert all({0, 1, 2} <= {row.stream for row in rows} for rows in backend.batches)
    # After the first chunks the step time settles at the target: 100 ms are 50 rows.
    settled = [len(rows) for rows in backend.batches[5:-1]]
    assert len(settled) > 20
    assert max(settled) <= 55
    assert min(settled) >= 40


def test_the_chunk_never_falls_below_what_makes_progress() -> None:
    engine, backend = costly_engine(1000.0, step_ms=1)
    engine.submit(make_request("a", [65] * 400, max_tokens=1), Recorder())
    drain(engine)
    assert len(backend.batches[-2]) == SMALLEST_CHUNK


def test_long_prompts_take_turns() -> None:
    engine, backend = costly_engine(10.0, slots=4, step_ms=160)
    engine.submit(make_request("d", [68], max_tokens=200), Recorder())
    engine.step()
    for name in "abc":
        engine.submit(make_request(name, [ord(name)] * 300, max_tokens=1), Recorder())
    drain(engine)
    leaders = [next(row.stream for row in rows if row.stream) for rows in backend.batches[4:13]]
    assert leaders == [1, 2, 3] * 3


def test_while_nobody_decodes_prompts_share_larger_steps() -> None:
    engine, backend = costly_engine(0.5, slots=4, step_ms=50)
    for name, size in (("a", 2000), ("b", 2000), ("c", 2000), ("d", 40)):
        engine.submit(make_request(name, [ord(name)] * size, max_tokens=1), Recorder())
    drain(engine)
    shares = [Counter(row.stream for row in rows) for rows in backend.batches]
    assert shares[0] == {0: 16, 1: 16, 2: 16, 3: 16}
    settled = shares[4:9]
    assert all(390 <= sum(share.values()) <= 400 for share in settled)  # four times the target
    assert all(max(share.values()) - min(share.values()) <= 1 for share in settled)


def test_of_many_prompts_that_come_together_none_is_computed_row_by_row() -> None:
    engine, backend = costly_engine(0.5, slots=64, step_ms=50)
    for number in range(64):
        engine.submit(make_request(str(number), [number] * 100, max_tokens=1, priority="batch"), Recorder())
    drain(engine)
    shares = [set(Counter(row.stream for row in rows).values()) for rows in backend.batches]
    assert shares[:4] == [{2}, {2}, {4}, {6, 7}]
    assert len(shares) < 100 / 4


def test_half_a_tile_or_more_is_computed_whole_and_less_not_beside_another_prompt() -> None:
    scheduler = Scheduler(n_batch=512, tile=64, step_ms=200)
    backend = PacedBackend(paced_config())
    for at, size in enumerate((100, 100, 2)):
        sequence = EngineSequence(make_request(str(at), [65] * size), Recorder(), backend, now=0.0)
        if size == 2:
            sequence.stream.tokens = [65]
        scheduler.running.append(sequence)

    def sizes() -> list[int]:
        return [work.size for work in scheduler.plan().works]

    assert sizes() == [1, 65]
    for _ in range(2):
        scheduler.observe(Plan([Work(scheduler.running[0], 64)]), 400.0, chat_tokens=0)
    assert sizes() == [1, 65]
    for _ in range(2):
        scheduler.observe(Plan([Work(scheduler.running[0], 64)]), 800.0, chat_tokens=0)
    assert sizes() == [1, 20]


def test_an_interactive_prompt_is_computed_before_a_batch_prompt() -> None:
    engine, _ = costly_engine(10.0, slots=2, step_ms=160)
    seen = Recorder()
    engine.submit(make_request("b", [65] * 300, priority="batch", max_tokens=1), seen)
    engine.step()
    engine.submit(make_request("i", [66] * 300, max_tokens=1), seen)
    while not seen.ends("i"):
        engine.step()
    assert not seen.deltas("b")
    drain(engine)
    assert seen.ends("b")


def test_more_streams_than_rows_are_served_in_turn_and_a_prompt_still_gets_in() -> None:
    engine, _ = costly_engine(slots=60, n_batch=32)
    seen = Recorder()
    for number in range(59):
        engine.submit(make_request(str(number), [number + 1], max_tokens=20), seen)
    engine.step()
    engine.submit(make_request("long", [200] * 100, max_tokens=1), seen)
    for _ in range(12):
        engine.step()
    assert seen.ends("long")
    counts = [len(seen.token_ids(str(number))) for number in range(59)]
    assert max(counts) - min(counts) <= 2
    drain(engine)
    assert all(len(seen.token_ids(str(number))) == 20 for number in range(59))
