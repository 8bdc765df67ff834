"""Interactive work goes first, older work goes first, and whoever has to give way loses nothing but time."""

from __future__ import annotations

from typing import Any

import pytest

from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.engine.engine import Engine
from inference.types.events import Started
from inference.types.requests import Priority
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config


class Bench:
    """An engine under a fake clock, and what it said."""

    def __init__(self, *, flow_control: bool = False, **changes: Any) -> None:
        config = paced_config(**changes)
        self.clock = FakeClock()
        self.backend = PacedBackend(config, clock=self.clock, sleep=self.clock.sleep)
        self.engine = Engine(self.backend, config, clock=self.clock, flow_control=flow_control)
        self.seen = Recorder()

    def submit(self, name: str, priority: Priority, tokens: int = 8, steps: int = 0) -> None:
        request = make_request(name, prompt(name), priority=priority, max_tokens=tokens)
        self.engine.submit(request, self.seen)
        for _ in range(steps):
            self.engine.step()
        self.clock.now += 0.001

    def said(self, name: str) -> int:
        return len(self.seen.token_ids(name))


def prompt(name: str) -> list[int]:
    return list(name.encode() * 50)[:40]


def test_batch_work_pauses_in_place_while_interactive_work_runs() -> None:
    bench = Bench(slots=2)
    bench.submit("batch", "batch", tokens=20, steps=4)
    bench.submit("chat", "interactive", tokens=10, steps=5)
    assert (bench.said("batch"), bench.said("chat")) == (4, 5)
    drain(bench.engine)
    assert bench.seen.text("batch") == expected_text(prompt("batch"), 20)
    assert bench.engine._kv.store.used == 0


def test_the_neighbours_of_interactive_work_are_the_share_of_batch_work_that_goes_on() -> None:
    bench = Bench(slots=4, batch_share=1)
    for name in ("b1", "b2"):
        bench.submit(name, "batch", tokens=30, steps=2)
    before = bench.said("b1"), bench.said("b2")
    bench.submit("chat", "interactive", tokens=10, steps=5)
    assert [bench.engine._live.by_id[name].stream.index for name in ("b1", "b2", "chat")] == [0, 1, 2]
    assert (bench.said("b1") - before[0], bench.said("b2") - before[1], bench.said("chat")) == (
        0,
        3,
        5,
    )  # not in the prompt's step, nor in the one that tells what chat takes
    bench.submit("b3", "batch", tokens=30, steps=3)
    assert bench.said("b3") == 0
    drain(bench.engine)
    assert all(bench.seen.text(name) == expected_text(prompt(name), 30) for name in ("b1", "b2", "b3"))


def test_on_a_gpu_both_run_unless_configured() -> None:
    for changes in ({"device": "gpu"}, {"batch_pauses": False}):
        bench = Bench(slots=2, **changes)
        bench.submit("batch", "batch", tokens=20, steps=4)
        bench.submit("chat", "interactive", tokens=10, steps=5)
        assert (bench.said("batch"), bench.said("chat")) == (9, 5)


@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_a_batch_sequence_gives_its_slot_away_and_comes_back(budget: int) -> None:
    bench = Bench(slots=1, spare_streams=0, retained_bytes=budget)
    bench.submit("batch", "batch", tokens=20, steps=4)
    bench.submit("chat", "interactive", tokens=10, steps=1)
    assert bench.said("chat") == 1
    assert bool(bench.engine._kv.store.used) == bool(budget)
    assert bench.engine.gauges().queued == 1
    drain(bench.engine)
    for name, tokens in (("batch", 20), ("chat", 10)):
        assert bench.seen.text(name) == expected_text(prompt(name), tokens)
        assert sum(isinstance(event, Started) for event in bench.seen.events[name]) == 1
    assert bench.seen.finished("batch").usage.cached_tokens == 0


def test_the_newest_gives_way_first_and_the_oldest_comes_back_first() -> None:
    bench = Bench(slots=2, batch_pauses=False)
    for name in ("b1", "b2", "b3"):
        bench.submit(name, "batch", tokens=20, steps=2)
    bench.submit("i1", "interactive", steps=1)
    assert not bench.engine._live.by_id["b2"].seated
    assert bench.engine._live.by_id["b1"].seated
    bench.submit("i2", "interactive", steps=1)
    assert not bench.engine._live.by_id["b1"].seated
    while len(bench.seen.ends("i1")) == 0:
        bench.engine.step()
    bench.engine.step()
    assert bench.engine._live.by_id["b1"].seated
    drain(bench.engine)
    ends = [name for name, events in bench.seen.events.items() if events[-1]]
    assert sorted(ends) == ["b1", "b2", "b3", "i1", "i2"]
    assert all(bench.seen.text(name) == expected_text(prompt(name), 20) for name in ("b1", "b2", "b3"))


def test_interactive_work_waits_for_interactive_work_in_order_of_age() -> None:
    bench = Bench(slots=1)
    for name in ("i1", "i2", "i3"):
        bench.submit(name, "interactive", steps=1)
    drain(bench.engine)
    assert list(bench.seen.events) == ["i1", "i2", "i3"]


def test_a_reader_that_stopped_keeps_nobody_from_a_slot() -> None:
    bench = Bench(slots=1, flow_control=True)
    bench.submit("stuck", "interactive", tokens=400, steps=260)
    assert bench.said("stuck") == 257
    bench.submit("next", "interactive")
    drain(bench.engine)
    assert bench.seen.text("next") == expected_text(prompt("next"), 8)
    assert not bench.seen.ends("stuck")
    bench.engine.acknowledge("stuck", 257)
    drain(bench.engine)
    assert bench.seen.text("stuck") == expected_text(prompt("stuck"), 400)


def test_an_evicted_sequence_can_be_cancelled_and_can_expire() -> None:
    bench = Bench(slots=1)
    bench.submit("b1", "batch", tokens=20, steps=3)
    bench.submit("i1", "interactive", tokens=500, steps=1)
    bench.engine.cancel("b1")
    bench.engine.step()
    assert bench.seen.finished("b1").finish_reason == "cancelled"
    assert bench.seen.text("b1") == expected_text(prompt("b1"), 3)
    bench.submit("b2", "batch", steps=1)
    bench.clock.now += 601
    bench.engine.step()
    assert bench.seen.finished("b2").finish_reason == "timeout"
    assert bench.seen.finished("i1").finish_reason == "timeout"


def test_an_interactive_prompt_may_wait_for_a_batch_prompt_only_while_that_runs() -> None:
    bench = Bench(slots=3, n_batch=32)
    shared = list(b"shared" * 40)
    bench.engine.submit(make_request("batch", [*shared, 1], priority="batch"), bench.seen)
    bench.engine.step()
    bench.engine.submit(make_request("chat", [*shared, 2]), bench.seen)
    bench.engine.step()
    assert not bench.seen.events["chat"]
    bench.submit("other", "interactive", tokens=100, steps=1)
    bench.engine.step()
    assert bench.seen.started("chat")
    drain(bench.engine)
    assert bench.seen.text("chat") == expected_text([*shared, 2], 8)
