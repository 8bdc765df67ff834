"""Several models in one worker's memory, with engines that the test speaks for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.core.exceptions import ImproperlyConfigured

from chat.services.generations import Head
from inference.types.engines import EngineInfo
from inference.types.errors import InferenceError
from tests.support.engine import FakeClock, paced_config
from tests.support.waiting import wait_until
from tests.support.workers import make_offer, worker_config
from tests.workers.conftest import FakeEngine
from workers import engines
from workers.config import Offer
from workers.engines import COOL_S, IDLE_S, EnginePool
from workers.seat import Seat

MakePool = Callable[..., EnginePool]


def offer(slug: str, need: int = 1) -> Offer:
    return make_offer(paced_config(model=slug), need_bytes=need)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEngine]:
    """Engines by model, the latest of each."""
    started: dict[str, FakeEngine] = {}

    def start(offer: Offer) -> tuple[FakeEngine, EngineInfo]:
        started[offer.slug] = FakeEngine()
        info = EngineInfo(
            model=offer.slug, digest="d", backend="paced", device="cpu", slots=2, n_ctx=64, n_vocab=9
        )
        return started[offer.slug], info

    monkeypatch.setattr(engines, "start_engine", start)
    return started


@pytest.fixture
def make_pool(clock: FakeClock, started: dict[str, FakeEngine]) -> MakePool:
    def make(*others: Offer, budget: int = 2, need: int = 1) -> EnginePool:
        config = worker_config("w", paced_config(model="a"), others=list(others), budget=budget, need=need)
        pool = EnginePool(config, clock=clock)
        pool.start()
        clock.sleep(1)
        pool.models_to_claim(lambda models: {})
        return pool

    return make


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
    start, gate = engines.start_engine, threading.Event()

    def slow(offer: Offer) -> object:
        loads.append(offer.slug)
        assert gate.wait(30)
        return start(offer)

    def use_b() -> None:
        with pool.use("b"):
            pass

    monkeypatch.setattr(engines, "start_engine", slow)
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
    start = engines.start_engine

    def fail(offer: Offer) -> object:
        raise InferenceError("model_load_failed", "The file is damaged.")

    monkeypatch.setattr(engines, "start_engine", fail)
    with pytest.raises(InferenceError, match="damaged"), pool.use("b"):
        pass
    assert (pool.offered, pool.refused) == (["a"], {"b": "The file is damaged."})
    clock.sleep(COOL_S)
    monkeypatch.setattr(engines, "start_engine", start)
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


def test_a_file_that_is_no_model_any_more_is_a_load_that_failed() -> None:
    def look() -> tuple[()]:
        raise ImproperlyConfigured("m.gguf is not a GGUF file.")

    with pytest.raises(InferenceError, match="not a GGUF file"):
        engines.start_engine(Offer(slug="m", need_bytes=0, engines=look))


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


def test_a_seat_of_a_loaded_model_counts_from_the_beginning(make_pool: MakePool) -> None:
    pool, left = make_pool(), list[str]()
    assert pool.count_seats(["a"]) == 2
    seat = Seat(pool, "a", partial(left.append, "left"))
    assert pool.count_seats(["a"]) == 1
    engine = seat.take()
    assert engine.users == 1
    seat.leave()
    assert (engine.users, left, pool.count_seats(["a"])) == (0, ["left"], 2)


def test_of_a_full_model_one_may_be_asked_for_and_of_several_one_at_a_time(make_pool: MakePool) -> None:
    pool = make_pool(offer("b"))
    with pool.use("a"), pool.use("a"), pool.use("a"):
        assert pool.count_seats(["a"]) == 1
    assert pool.count_seats(["a", "b"]) == pool.count_seats(["b"]) == pool.count_seats([]) == 1


def test_a_seat_may_be_left_before_its_model_is_loaded(make_pool: MakePool) -> None:
    pool, left = make_pool(offer("b")), list[str]()
    stays, goes = (Seat(pool, "b", partial(left.append, name)) for name in ("stays", "goes"))
    goes.leave()
    engine = stays.take()
    assert goes.take() is engine
    assert (engine.users, left) == (1, ["goes"]), "nobody stays who has left"
    stays.leave()
    assert (engine.users, left) == (0, ["goes", "stays"])


def test_a_seat_that_cannot_be_had_is_left_all_the_same(make_pool: MakePool) -> None:
    left = list[str]()
    seat = Seat(make_pool(), "nobody", lambda: left.append("left"))
    with pytest.raises(InferenceError, match="does not offer nobody"):
        seat.take()
    seat.leave()
    assert left == ["left"]
