"""Several models in one worker's memory, with engines that the test speaks for."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chat.services.generations import Head
from inference.types.engines import EngineInfo
from inference.types.errors import InferenceError, engine_stopped
from tests.support.engine import FakeClock, paced_config
from tests.support.waiting import wait_until
from tests.support.workers import make_offer
from tests.workers.conftest import FakeEngine, MakePool
from workers import loading
from workers.config import Offer
from workers.engines import COOL_S, IDLE_S, EnginePool


def offer(slug: str, need: int = 1) -> Offer:
    return make_offer(paced_config(model=slug), need_bytes=need)


def touch(pool: EnginePool, clock: FakeClock, *slugs: str) -> None:
    for slug in slugs:
        with pool.use(slug):
            clock.sleep(1)


def test_the_least_recently_used_leaves(
    make_pool: MakePool, clock: FakeClock, started: dict[str, FakeEngine]
) -> None:
    pool = make_pool(offer("b"), offer("c"))
    touch(pool, clock, "a", "b", "a", "c")

    assert pool.loaded == ["a", "c"]
    assert pool.offered == ["a", "b", "c"]
    assert [started[slug].is_alive for slug in "abc"] == [True, False, True]


def test_a_crashed_engine_leaves_its_models_turns_to_others(
    make_pool: MakePool, started: dict[str, FakeEngine]
) -> None:
    pool = make_pool()
    assert pool.models_to_claim(lambda models: {}) == ["a"]
    started["a"].is_open = False
    assert pool.models_to_claim(lambda models: {}) == []


def test_who_is_used_stays_and_who_wants_in_waits(make_pool: MakePool, clock: FakeClock) -> None:
    pool = make_pool(offer("b"), budget=1)
    there = threading.Event()

    def use_b() -> None:
        with pool.use("b"):
            there.set()

    caller = threading.Thread(target=use_b, daemon=True)
    with pool.use("a"):
        caller.start()
        assert pool.models_at_hand() == ["a"]
        assert pool.loaded == ["a"]
        assert not there.is_set()
    caller.join(30)
    assert pool.loaded == ["b"]


def test_one_of_two_who_ask_loads(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(offer("b"))
    loads: list[str] = []
    start, gate = loading.start_engine, threading.Event()

    def slow(offer: Offer, *_: object) -> object:
        loads.append(offer.slug)
        assert gate.wait(30)
        return start(offer)

    def use_b() -> None:
        with pool.use("b"):
            pass

    monkeypatch.setattr(loading, "start_engine", slow)
    callers = [threading.Thread(target=use_b) for _ in range(2)]
    for caller in callers:
        caller.start()
    wait_until(lambda: loads, what="a load")
    gate.set()
    for caller in callers:
        caller.join(30)

    assert loads == ["b"]


def test_what_cannot_fit_is_refused_in_a_sentence(make_pool: MakePool) -> None:
    pool = make_pool(offer("huge", 8_200_000_000), budget=4_000_000_000)

    assert pool.offered == ["a"]
    assert str(pool.refused["huge"]) == "huge needs about 8.2 GB of memory; w may use 4.0 GB."
    with pytest.raises(InferenceError, match=r"cannot be loaded: huge needs about 8.2 GB"), pool.use("huge"):
        pass
    with pytest.raises(InferenceError, match="does not offer nobody"), pool.use("nobody"):
        pass


def test_a_model_that_does_not_load_rests(
    make_pool: MakePool, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool(offer("b"))
    start = loading.start_engine

    def fail(offer: Offer, *_: object) -> object:
        raise InferenceError("model_load_failed", "The file is damaged.")

    monkeypatch.setattr(loading, "start_engine", fail)
    with pytest.raises(InferenceError, match="damaged"), pool.use("b"):
        pass
    assert (pool.offered, pool.refused) == (["a"], {"b": "The file is damaged."})
    clock.sleep(COOL_S)
    monkeypatch.setattr(loading, "start_engine", start)
    touch(pool, clock, "b")
    assert pool.loaded == ["a", "b"]


def test_claims_prefer_what_is_loaded_and_has_a_seat(make_pool: MakePool) -> None:
    pool = make_pool(offer("b"), budget=1)
    asked: list[list[str]] = []

    def heads(models: list[str]) -> dict[str, Head]:
        asked.append(models)
        return {"b": Head(0, 99), "a": Head(0, 0)}

    assert pool.models_to_claim(heads) == ["b"]
    with pool.use("a"):
        assert pool.models_to_claim(heads) == [], "a is to leave"
    assert asked == [["a", "b"]] * 2


def test_with_everything_loaded_nobody_is_asked(make_pool: MakePool) -> None:
    pool = make_pool()

    def heads(models: list[str]) -> dict[str, Head]:
        raise AssertionError

    assert pool.models_to_claim(heads) == ["a"]
    with pool.use("a"), pool.use("a"):
        assert pool.models_to_claim(heads) == []


def test_a_lost_engine_leaves_the_others_alone(
    make_pool: MakePool, clock: FakeClock, started: dict[str, FakeEngine]
) -> None:
    pool = make_pool(offer("b"))
    touch(pool, clock, "b")
    started["a"].is_overdue = True
    assert pool.look_after()
    assert (started["a"].killed, started["b"].killed) == (1, 0)
    started["a"].is_alive = False

    assert pool.look_after(), "b is left"
    assert (pool.loaded, pool.offered) == (["b"], ["b"])


def test_a_closed_pool_loads_nothing(make_pool: MakePool, started: dict[str, FakeEngine]) -> None:
    pool = make_pool(offer("b"))
    pool.close()

    assert not started["a"].is_alive
    with pytest.raises(InferenceError) as caught, pool.use("b"):
        pass
    assert caught.value.code == "engine_stopped"


class Loading:
    """An engine whose model is loaded for as long as nobody closes it."""

    def __init__(self) -> None:
        self.begun, self.closed = threading.Event(), threading.Event()

    def start(self) -> EngineInfo:
        self.begun.set()
        assert self.closed.wait(30)
        raise engine_stopped()

    def close(self) -> None:
        self.closed.set()


def test_a_closed_pool_waits_for_no_model_that_is_loading(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, client, codes = make_pool(offer("b")), Loading(), list[str]()

    def start(offer: Offer, start: Callable[[Loading], EngineInfo]) -> tuple[Loading, EngineInfo]:
        return client, start(client)

    def use_b() -> None:
        with pytest.raises(InferenceError) as caught:
            pool.acquire("b")
        codes.append(caught.value.code)

    monkeypatch.setattr(loading, "start_engine", start)
    caller = threading.Thread(target=use_b, daemon=True)
    caller.start()
    assert client.begun.wait(30)
    pool.close()
    caller.join(30)
    assert codes == ["engine_stopped"]


def test_work_that_nobody_waits_for_displaces_only_what_has_long_been_idle(
    make_pool: MakePool, clock: FakeClock, started: dict[str, FakeEngine]
) -> None:
    pool = make_pool(offer("b"), budget=1)
    assert pool.models_to_spare() == ["a"]
    clock.sleep(IDLE_S)
    assert pool.models_to_spare() == ["a", "b"]
    with pool.use("a"):
        assert pool.models_to_spare() == ["a"]
    clock.sleep(IDLE_S + 1)
    started["a"].is_open = False  # crashed: its next process is not there yet
    assert pool.models_to_spare() == ["b"]


def test_of_a_full_model_one_may_be_asked_for_and_of_several_one_at_a_time(make_pool: MakePool) -> None:
    pool = make_pool(offer("b"))
    with pool.use("a"), pool.use("a"), pool.use("a"):
        assert pool.count_seats(["a"]) == 1
    assert pool.count_seats(["a", "b"]) == pool.count_seats(["b"]) == pool.count_seats([]) == 1
