"""A step that nobody waits for is broken off for whoever comes or goes, and what it did is kept."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import llama_cpp
import msgspec
import pytest

from inference.backends.base import DecodeError, Interrupted, Row
from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.config import EngineConfig
from inference.engine.engine import Engine
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config
from tests.support.waiting import wait_until

PROMPT = list(range(33, 126)) * 5


class Disturbed(PacedBackend):
    """Something may happen while it computes."""

    meanwhile: Callable[[], None] | None = None
    refuses = False

    def __init__(self, config: EngineConfig) -> None:
        super().__init__(config)
        self.batches: list[int] = []

    def decode(self, rows: Sequence[Row]) -> None:
        if self.refuses:
            self.refuses = False
            super().decode(rows[:-1])
            raise DecodeError("refused")
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()
        self.batches.append(len(rows))
        super().decode(rows)


class Bench:
    """An engine that can be disturbed, with what it says."""

    def __init__(self) -> None:
        config = paced_config(slots=3)
        self.backend = Disturbed(config)
        self.clock = FakeClock()
        self.engine = Engine(self.backend, config, clock=self.clock)
        self.seen = Recorder()

    def held(self, name: str) -> int:
        return len(self.engine._live.by_id[name].stream.tokens)

    def start(self, name: str = "a") -> None:
        self.engine.submit(make_request(name, PROMPT), self.seen)
        self.engine.step()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_newcomer_interrupts_a_prompt_which_keeps_what_was_computed(bench: Bench) -> None:
    bench.start()
    before = bench.held("a")
    bench.backend.meanwhile = lambda: bench.engine.submit(make_request("b", [66] * 9), bench.seen)
    bench.engine.step()
    assert bench.held("a") == before + bench.backend.batches[-1] // 2
    bench.engine.step()
    assert bench.seen.deltas("b")
    drain(bench.engine)
    assert bench.seen.text("a") == expected_text(PROMPT, 8)
    assert bench.seen.text("b") == expected_text([66] * 9, 8)


def test_a_cancel_is_heard_before_the_step_is_over(bench: Bench) -> None:
    bench.start()
    bench.backend.meanwhile = lambda: bench.engine.cancel("a")
    bench.engine.step()
    bench.engine.step()
    assert bench.seen.finished("a").finish_reason == "cancelled"


def test_the_end_of_a_requests_time_is_noticed_before_the_step_is_over(bench: Bench) -> None:
    bench.engine.submit(make_request("a", PROMPT, time_limit_ms=20), bench.seen)

    def pass_time() -> None:
        wait_until(lambda: bench.backend.interruption.is_due, what="the end of the step")
        bench.clock.now += 1

    bench.backend.meanwhile = pass_time
    bench.engine.step()
    assert bench.held("a") == bench.backend.batches[-1] // 2
    bench.engine.step()
    assert bench.seen.finished("a").finish_reason == "timeout"


def test_after_an_interrupted_step_comes_one_that_is_carried_out(bench: Bench) -> None:
    bench.start()
    for _ in range(2):
        bench.backend.meanwhile = lambda: bench.engine.cancel("unknown")
        bench.engine.step()
    before = bench.held("a")
    bench.backend.meanwhile = lambda: bench.engine.cancel("unknown")
    bench.engine.step()
    assert bench.held("a") == before + bench.backend.batches[-1] // 2


def test_batch_work_and_acknowledgements_interrupt_nothing(bench: Bench) -> None:
    bench.start()
    for note in (
        lambda: bench.engine.submit(make_request("b", [66] * 9, priority="batch"), bench.seen),
        lambda: bench.engine.acknowledge("a", 1),
    ):
        before = bench.held("a")
        bench.backend.meanwhile = note
        bench.engine.step()
        assert bench.held("a") == before + bench.backend.batches[-1]


def test_a_step_in_which_somebody_decodes_is_carried_out(bench: Bench) -> None:
    bench.engine.submit(make_request("d", [68], max_tokens=50), bench.seen)
    bench.engine.step()
    bench.start()
    before = bench.held("a")
    bench.backend.meanwhile = lambda: bench.engine.cancel("a")
    bench.engine.step()
    assert bench.held("a") == before + bench.backend.batches[-1] - 1


def test_a_step_of_nothing_but_batch_work_ends_for_who_chats(bench: Bench) -> None:
    bench.engine.submit(make_request("b", [66] * 9, priority="batch"), bench.seen)
    bench.engine.submit(make_request("c", [67] * 9, priority="batch"), bench.seen)
    bench.engine.step()
    said = len(bench.seen.token_ids("b"))
    bench.backend.meanwhile = lambda: bench.engine.submit(make_request("a", [65]), bench.seen)
    bench.engine.step()
    assert len(bench.seen.token_ids("b")) == said
    bench.engine.step()
    assert bench.seen.deltas("a")
    drain(bench.engine)
    for name, prompt in (("a", [65]), ("b", [66] * 9), ("c", [67] * 9)):
        assert bench.seen.text(name) == expected_text(prompt, 8)


def test_a_last_chunk_that_was_interrupted_is_finished_before_the_first_token(bench: Bench) -> None:
    bench.engine.submit(make_request("a", PROMPT[:2]), bench.seen)
    bench.backend.meanwhile = lambda: bench.engine.cancel("unknown")
    drain(bench.engine)
    assert bench.seen.text("a") == expected_text(PROMPT[:2], 8)


def test_the_pieces_of_a_refused_step_are_not_interrupted(bench: Bench) -> None:
    bench.engine.submit(make_request("b", PROMPT[::-1]), bench.seen)
    bench.start()
    bench.backend.refuses = True
    bench.backend.meanwhile = lambda: bench.engine.cancel("unknown")
    bench.engine.step()
    assert [stream.tokens for stream in bench.engine._kv.streams] == bench.backend.held
    drain(bench.engine)
    assert bench.seen.text("a") == expected_text(PROMPT, 8)
    assert bench.seen.text("b") == expected_text(PROMPT[::-1], 8)


def replies(backend: LlamaBackend, config: EngineConfig) -> dict[str, list[int]]:
    engine, seen = Engine(backend, config), Recorder()
    prompts = {"a": PROMPT[:180], "b": PROMPT[7:90]}
    for name, prompt in prompts.items():
        engine.submit(make_request(name, prompt, temperature=0.0), seen)
    drain(engine)
    engine.close()
    return {name: seen.token_ids(name) for name in prompts}


@pytest.mark.parametrize("operations", [0, 1, 7, 30, 60, 90])
def test_llama_cpp_goes_on_where_it_was_interrupted(llama_config: EngineConfig, operations: int) -> None:
    """Every decode that may be interrupted is, each time after so many operations of its graph."""
    config = msgspec.structs.replace(llama_config, n_batch=64)
    backend = load_llama_backend(config)
    left, interrupted = operations, 0

    def is_due(_: object) -> bool:
        nonlocal left, interrupted
        left -= 1
        if left < 0:
            left, interrupted = operations, interrupted + 1
            return True
        return False

    backend._abort_callback = (llama_cpp.ggml_abort_callback(is_due), ctypes.c_void_p())
    assert replies(backend, config) == replies(load_llama_backend(config), config)
    assert interrupted


def test_a_call_from_another_thread_ends_a_decode_of_llama_cpp(llama: LlamaBackend) -> None:
    rows = [Row(0, token_id, at, False) for at, token_id in enumerate(PROMPT[:200])]
    llama.interruption.call()
    llama.decode(rows[:9])
    llama.interruption.welcome = True
    with pytest.raises(Interrupted):
        llama.decode(rows[9:])
    assert llama.keep(0, 200) == 9
    llama.interruption.clear()
    llama.decode(rows[9:])
    assert llama.keep(0, 200) == 200
