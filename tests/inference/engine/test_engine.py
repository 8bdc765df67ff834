"""One request after another through the loop, on the paced oracle."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import msgspec
import pytest

from inference.backends.base import DecodeError, Row
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import PacedSampler, expected_text
from inference.engine.engine import Engine
from inference.types.errors import InferenceError
from inference.types.events import Delta, Finished, Started
from inference.types.requests import GenerationRequest, Resume
from inference.types.sampling import SamplingParams
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

PROMPT = list(b"Tell me")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend() -> PacedBackend:
    return PacedBackend(paced_config())


@pytest.fixture
def engine(backend: PacedBackend, clock: FakeClock) -> Engine:
    return Engine(backend, paced_config(), clock=clock)


@pytest.fixture
def seen() -> Recorder:
    return Recorder()


def test_only_the_prompt_is_kept_where_nobody_goes_on(engine: Engine, seen: Recorder) -> None:
    engine.submit(make_request("a", PROMPT, max_tokens=5, gathers=True), seen)
    drain(engine)
    assert seen.text("a") == expected_text(PROMPT, 5)
    assert engine.gauges().kv_tokens == len(PROMPT)


def test_a_reply_is_started_streamed_and_finished(engine: Engine, seen: Recorder) -> None:
    engine.submit(make_request("a", PROMPT, max_tokens=5), seen)
    drain(engine)
    kinds = [type(event) for event in seen.events["a"]]
    assert kinds == [Started, *[Delta] * 5, Finished]
    assert seen.text("a") == expected_text(PROMPT, 5)
    assert all(len(delta.token_ids) == 1 for delta in seen.deltas("a"))
    finished = seen.finished("a")
    assert finished.finish_reason == "length"
    assert finished.usage.prompt_tokens == len(PROMPT)
    assert finished.usage.completion_tokens == 5


def test_the_end_token_ends_and_is_counted_so_that_a_replay_ends_too(engine: Engine, seen: Recorder) -> None:
    prompt = list(b"[[end after 3]]")
    engine.submit(make_request("a", prompt), seen)
    drain(engine)
    assert seen.finished("a").finish_reason == "stop"
    assert seen.text("a") == expected_text(prompt, 3)
    assert len(seen.token_ids("a")) == seen.finished("a").usage.completion_tokens == 4
    engine.submit(
        make_request("b", prompt, resume=Resume(token_ids=seen.token_ids("a"), text=seen.text("a"))), seen
    )
    drain(engine)
    assert [type(event) for event in seen.events["b"]] == [Finished]
    assert seen.finished("b").finish_reason == "stop"
    assert seen.text("b") == ""


def test_a_full_window_ends_the_reply(seen: Recorder) -> None:
    config = paced_config(n_ctx=64)
    engine = Engine(PacedBackend(config), config)
    engine.submit(make_request("a", [65] * 60, max_tokens=100), seen)
    drain(engine)
    assert seen.finished("a").finish_reason == "length"
    assert len(seen.token_ids("a")) == 4


def test_a_stop_string_across_tokens_ends_the_reply_and_is_not_shown(engine: Engine, seen: Recorder) -> None:
    text = expected_text(PROMPT, 6)
    words = text.split(" ")
    stop = f"{words[2][-2:]} {words[3][:2]}"
    engine.submit(make_request("a", PROMPT, stop=(stop,), max_tokens=50), seen)
    drain(engine)
    assert seen.finished("a").finish_reason == "stop"
    assert seen.text("a") == text[: text.index(stop)]


def test_held_text_is_released_at_the_end(engine: Engine, seen: Recorder) -> None:
    text = expected_text(PROMPT, 2)
    engine.submit(make_request("a", PROMPT, stop=(text[-3:] + "never",), max_tokens=2), seen)
    drain(engine)
    assert seen.text("a") == text
    assert seen.finished("a").text == text[-3:]


def test_a_second_turn_reuses_the_first(engine: Engine, seen: Recorder) -> None:
    engine.submit(make_request("a", PROMPT, max_tokens=4), seen)
    drain(engine)
    longer = [*PROMPT, *seen.token_ids("a"), *b"more"]
    engine.submit(make_request("b", longer), seen)
    drain(engine)
    # The first reply's last token was never computed: nobody needed what follows it.
    assert seen.started("b").cached_tokens == len(PROMPT) + 3
    assert seen.finished("b").usage.cached_tokens == len(PROMPT) + 3
    assert seen.text("b") == expected_text(longer, 8)


def test_cancel_ends_within_one_step_and_keeps_the_text(engine: Engine, seen: Recorder) -> None:
    engine.submit(make_request("a", PROMPT, max_tokens=100), seen)
    for _ in range(4):
        engine.step()
    engine.cancel("a")
    engine.step()
    assert seen.finished("a").finish_reason == "cancelled"
    assert seen.text("a") == expected_text(PROMPT, 4)
    assert engine.gauges().slots_busy == 0
    engine.cancel("a")
    drain(engine)
    assert len(seen.ends("a")) == 1


def test_cancel_reaches_a_waiting_request(engine: Engine, seen: Recorder) -> None:
    for name in "abc":
        engine.submit(make_request(name, PROMPT, max_tokens=3), seen)
    engine.cancel("c")
    drain(engine)
    assert [type(event) for event in seen.events["c"]] == [Finished]
    assert seen.finished("c").finish_reason == "cancelled"
    assert seen.text("a") == seen.text("b") == expected_text(PROMPT, 3)


def test_time_runs_from_submission_also_while_waiting(
    engine: Engine, seen: Recorder, clock: FakeClock
) -> None:
    for name in "abc":
        engine.submit(make_request(name, PROMPT, max_tokens=100, time_limit_ms=2000), seen)
    engine.step()
    clock.now += 1.999
    engine.step()
    assert not seen.ends("a")
    clock.now += 0.001
    engine.step()
    for name in "abc":
        assert seen.finished(name).finish_reason == "timeout"
    assert seen.text("a") == expected_text(PROMPT, 2)
    assert seen.finished("a").timings.decode_ms == pytest.approx(2000)
    assert seen.finished("c").timings.wait_ms == pytest.approx(2000)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"prompt_ids": []}, "invalid_request", "empty"),
        ({"prompt_ids": [1, -1]}, "invalid_request", "-1"),
        ({"prompt_ids": [1_000_000]}, "invalid_request", "1000000"),
        ({"prompt_ids": ["x"]}, "invalid_request", "prompt_ids"),
        ({"prompt_ids": [65] * 4096}, "context_length_exceeded", "4096 tokens long"),
        ({"resume": Resume(token_ids=[999_999], text="")}, "invalid_request", "999999"),
        ({"sampling": SamplingParams(temperature=-1)}, "invalid_request", "temperature"),
        ({"sampling": SamplingParams(frequency_penalty=math.nan)}, "invalid_request", "frequency_penalty"),
        ({"sampling": SamplingParams(stop=("",))}, "invalid_request", "stop"),
    ],
)
def test_what_cannot_run_is_refused_once(
    engine: Engine, seen: Recorder, changes: dict[str, object], code: str, words: str
) -> None:
    engine.submit(msgspec.structs.replace(make_request("a", PROMPT), **changes), seen)
    drain(engine)
    assert len(seen.events["a"]) == 1
    assert seen.failed("a").code == code
    assert words in seen.failed("a").message
    assert not seen.failed("a").retryable


def test_an_id_in_use_is_refused_and_the_first_goes_on(engine: Engine, seen: Recorder) -> None:
    other = Recorder()
    engine.submit(make_request("a", PROMPT), seen)
    engine.submit(make_request("a", PROMPT), other)
    drain(engine)
    assert other.failed("a").code == "duplicate_request"
    assert seen.text("a") == expected_text(PROMPT, 8)


def test_interactive_goes_before_batch_and_each_in_order(backend: PacedBackend, seen: Recorder) -> None:
    config = paced_config(slots=1)
    engine = Engine(backend, config)
    order: list[str] = []

    def emit(event: object) -> None:
        if isinstance(event, Started):
            order.append(event.request_id)

    for name, priority in [("b1", "batch"), ("i1", "interactive"), ("b2", "batch"), ("i2", "interactive")]:
        engine.submit(msgspec.structs.replace(make_request(name, PROMPT), priority=priority), emit)
    drain(engine)
    assert order == ["i1", "i2", "b1", "b2"]


def test_a_reader_far_behind_parks_its_own_sequence_only(backend: PacedBackend, seen: Recorder) -> None:
    engine = Engine(backend, paced_config(), flow_control=True)
    engine.submit(make_request("slow", PROMPT, max_tokens=600), seen)
    engine.submit(make_request("fast", PROMPT, max_tokens=600), seen)
    while not seen.ends("fast"):
        assert engine.step()
        engine.acknowledge("fast", 1)
    drain(engine)
    assert len(seen.token_ids("slow")) == 257
    engine.acknowledge("slow", -50)
    engine.acknowledge("gone", 1)
    drain(engine)
    assert len(seen.token_ids("slow")) == 257
    engine.acknowledge("slow", 10_000)
    drain(engine)
    assert len(seen.token_ids("slow")) == 514
    engine.acknowledge("slow", 257)
    drain(engine)
    assert seen.text("slow") == expected_text(PROMPT, 600)


def test_without_flow_control_nobody_waits_for_acknowledgements(engine: Engine, seen: Recorder) -> None:
    engine.submit(make_request("a", PROMPT, max_tokens=300), seen)
    drain(engine)
    assert len(seen.token_ids("a")) == 300


class Fragile(PacedBackend):
    """Refuses every batch that touches a stream on its list, after half of it has been computed."""

    def __init__(self, *, refused: set[int], forgetful: bool = False) -> None:
        super().__init__(paced_config())
        self.refused = refused
        self.forgetful = forgetful

    def decode(self, rows: Sequence[Row]) -> None:
        if any(row.stream in self.refused for row in rows):
            super().decode(rows[: len(rows) // 2])
            raise DecodeError("refused")
        super().decode(rows)

    def keep(self, stream: int, length: int) -> int:
        return super().keep(stream, 0 if self.forgetful else length)


def test_a_refused_batch_fails_only_the_offender(seen: Recorder) -> None:
    backend = Fragile(refused={1})
    engine = Engine(backend, paced_config())
    engine.submit(make_request("a", PROMPT), seen)
    engine.submit(make_request("b", PROMPT), seen)
    drain(engine)
    assert seen.text("a") == expected_text(PROMPT, 8)
    assert seen.failed("b").code == "engine_error"
    assert seen.failed("b").retryable
    backend.refused = set()
    engine.submit(make_request("c", PROMPT), seen)
    engine.submit(make_request("d", PROMPT), seen)
    drain(engine)
    assert seen.text("c") == seen.text("d") == expected_text(PROMPT, 8)


def test_a_runtime_that_forgets_on_error_fails_the_whole_batch(seen: Recorder) -> None:
    backend = Fragile(refused=set(), forgetful=True)
    engine = Engine(backend, paced_config())
    for name in "ab":
        engine.submit(make_request(name, PROMPT), seen)
    engine.step()
    backend.refused = {1}
    drain(engine)
    assert seen.failed("a").code == seen.failed("b").code == "engine_error"


def test_a_request_the_backend_refuses_fails_with_its_reason(engine: Engine, seen: Recorder) -> None:
    def refuse(params: SamplingParams, prompt_ids: Sequence[int]) -> None:
        raise InferenceError("bad_grammar", "The grammar cannot be read.")

    engine._backend.make_sampler = refuse  # type: ignore[method-assign,assignment]
    engine.submit(make_request("a", PROMPT), seen)
    drain(engine)
    assert seen.failed("a").code == "bad_grammar"


def test_closing_ends_everything_as_retryable(engine: Engine, seen: Recorder) -> None:
    for name in "abc":
        engine.submit(make_request(name, PROMPT), seen)
    engine.step()
    engine.submit(make_request("d", PROMPT), seen)
    engine.close()
    engine.close()
    engine.submit(make_request("e", PROMPT), seen)
    engine.cancel("a")
    for name in "abcde":
        assert seen.failed(name).code == "engine_stopped"
        assert seen.failed(name).retryable
    assert not engine.step()


def test_a_parked_sequence_still_runs_out_of_time(
    backend: PacedBackend, seen: Recorder, clock: FakeClock
) -> None:
    engine = Engine(backend, paced_config(), flow_control=True, clock=clock)
    engine.submit(make_request("a", PROMPT, max_tokens=600, time_limit_ms=1000), seen)
    drain(engine)
    assert not seen.ends("a")
    clock.now += 1
    assert engine.step()
    assert seen.finished("a").finish_reason == "timeout"
    assert engine.gauges().slots_busy == 0


def test_gauges_tell_how_busy_it_is(engine: Engine, seen: Recorder) -> None:
    assert engine.gauges().steps == 0
    for name in "abc":
        engine.submit(make_request(name, PROMPT), seen)
    engine.step()
    gauges = engine.gauges()
    assert (gauges.slots_busy, gauges.queued, gauges.steps) == (2, 1, 1)
    assert gauges.kv_tokens == 2 * len(PROMPT)
    drain(engine)
    assert engine.gauges().slots_busy == engine.gauges().queued == 0
    assert engine.gauges().steps == 16


def test_a_cancelled_queue_shows_in_the_gauges_without_a_step(engine: Engine, seen: Recorder) -> None:
    for name in "abc":
        engine.submit(make_request(name, PROMPT, max_tokens=1), seen)
    engine.step()
    engine.cancel("c")
    engine.step()
    assert engine.gauges().queued == 0
    assert engine.gauges().steps == 1


def test_the_step_time_is_measured(backend: PacedBackend, clock: FakeClock, seen: Recorder) -> None:
    config = paced_config(paced_rate=10)
    engine = Engine(PacedBackend(config, clock=clock, sleep=clock.sleep), config, clock=clock)
    engine.submit(make_request("a", PROMPT, max_tokens=60), seen)
    drain(engine)
    assert engine.gauges().mean_step_ms == pytest.approx(100, rel=0.02)


def test_the_phase_is_visible_while_the_model_computes(seen: Recorder) -> None:
    phases: list[str] = []
    engine: Engine

    class Watching(PacedBackend):
        def decode(self, rows: Sequence[Row]) -> None:
            phases.append(engine.phase)
            super().decode(rows)

    engine = Engine(Watching(paced_config()), paced_config())
    engine.submit(make_request("a", PROMPT, max_tokens=2), seen)
    drain(engine)
    assert phases == ["prefilling", "stepping"]
    assert engine.phase == "idle"


def test_the_loop_serves_many_threads_and_stops(seen: Recorder) -> None:
    config = paced_config(slots=4)
    engine = Engine(PacedBackend(config), config)
    stop, done = threading.Event(), threading.Semaphore(0)

    def emit(event: object) -> None:
        seen(event)  # type: ignore[arg-type]
        if isinstance(event, Finished):
            done.release()

    def submit(number: int) -> None:
        for turn in range(5):
            request = make_request(f"{number}-{turn}", [*PROMPT, 48 + number], max_tokens=4)
            engine.submit(request, emit)

    loop = threading.Thread(target=engine.run, args=(stop,))
    loop.start()
    threads = [threading.Thread(target=submit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        assert done.acquire(timeout=10)
    stop.set()
    engine.wake()
    loop.join(timeout=10)
    assert not loop.is_alive()
    for number in range(6):
        assert seen.text(f"{number}-4") == expected_text([*PROMPT, 48 + number], 4)


def test_a_seed_is_drawn_where_none_is_given(engine: Engine, seen: Recorder) -> None:
    seeds: list[int | None] = []
    make_sampler = engine._backend.make_sampler

    def spy(params: SamplingParams, prompt_ids: Sequence[int]) -> object:
        seeds.append(params.seed)
        return make_sampler(params, prompt_ids)

    engine._backend.make_sampler = spy  # type: ignore[method-assign,assignment]
    for name in "ab":
        request = GenerationRequest(request_id=name, prompt_ids=PROMPT, sampling=SamplingParams(max_tokens=1))
        engine.submit(request, seen)
    drain(engine)
    assert None not in seeds
    assert seeds[0] != seeds[1]


def test_every_sampler_is_freed_however_its_request_ends(backend: PacedBackend, seen: Recorder) -> None:
    opened: list[int] = []
    closed: list[int] = []

    class Counted(PacedSampler):
        def close(self) -> None:
            closed.append(id(self))

    def make_sampler(params: SamplingParams, prompt_ids: Sequence[int]) -> PacedSampler:
        sampler = Counted(prompt_ids)
        opened.append(id(sampler))
        return sampler

    backend.make_sampler = make_sampler  # type: ignore[method-assign]
    engine = Engine(backend, paced_config())
    for name in "abcd":
        engine.submit(make_request(name, PROMPT), seen)
    engine.cancel("d")
    engine.step()
    engine.cancel("a")
    engine.step()
    engine.close()
    assert len(opened) == 4
    assert sorted(opened) == sorted(closed)
