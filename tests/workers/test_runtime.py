"""Whole workers with a real engine process on the paced backend."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from django.utils import timezone

from chat.models import Generation, GenerationChunk, GenerationStatus, WorkerNode, WorkerStatus
from chat.selectors.routing import Route
from chat.services import replies
from chat.services.generations import claim_generation, request_cancel
from chat.services.generations.token_ids import unpack_ids
from chat.services.turns import start_turn
from inference.backends.paced.oracle import expected_text
from inference.process import EngineClient
from inference.process.supervisor import Backoff
from inference.types.engines import EngineInfo
from inference.types.errors import InferenceError
from tests.support.engine import paced_config
from tests.support.factories import make_generation, make_session
from tests.support.waiting import wait_until
from tests.support.workers import make_offer, worker_config
from tests.workers.conftest import FakeEngine
from workers import tasks
from workers.config import Offer
from workers.loading import start_engine
from workers.runtime import WorkerRuntime

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Start = Callable[..., WorkerRuntime]


@pytest.fixture
def start_worker() -> Iterator[Start]:
    workers: list[WorkerRuntime] = []

    def start(name: str = "first", others: list[Offer] | None = None, **config: Any) -> WorkerRuntime:
        engine = paced_config(**{"paced_rate": 300, "slots": 2} | config)
        workers.append(WorkerRuntime(worker_config(name, engine, others=others)))
        workers[-1].start()
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


def make_turn(content: str = "hello", max_tokens: int = 60, **options: Any) -> Generation:
    return make_generation(content=content, options={"max_tokens": max_tokens, **options})


def ended(generation: Generation) -> Generation:
    def refreshed() -> bool:
        generation.refresh_from_db()
        return not generation.is_active

    wait_until(refreshed, timeout=30, what=f"the end of {generation}")
    generation.message.refresh_from_db()
    return generation


def expected(generation: Generation, tokens: int) -> str:
    assert generation.prompt_ids is not None
    return expected_text(unpack_ids(generation.prompt_ids), tokens)


def engine_pid(worker: WorkerRuntime, slug: str = "paced") -> int:
    pid = worker._engines._loaded[slug].client.pid
    assert pid is not None
    return pid


def speaking(generation: Generation) -> bool:
    return GenerationChunk.objects.filter(generation=generation).count() > 2


def test_a_worker_writes_the_replies_it_finds(start_worker: Start) -> None:
    turns = [make_turn(f"turn {number}") for number in range(4)]
    start_worker()

    for turn in turns:
        assert ended(turn).status == GenerationStatus.SUCCEEDED
        assert turn.message.content == expected(turn, 60)
        assert (turn.finish_reason, turn.completion_tokens, turn.attempt) == ("length", 60, 1)
    wait_until(
        lambda: WorkerNode.objects.filter(name="first", status=WorkerStatus.READY).exists(), what="readiness"
    )
    assert WorkerNode.objects.get(name="first").loaded_models == ["paced"]


def test_a_hint_is_followed_to_the_end(start_worker: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = start_worker()
    monkeypatch.setattr(tasks, "_runtimes", [worker])
    turn = make_turn()
    tasks.run_generation(str(turn.id), "node.first")

    assert ended(turn).message.content == expected(turn, 60)


def test_a_drained_worker_hands_over_and_the_next_one_continues(start_worker: Start) -> None:
    first = start_worker("first")
    turns = [make_turn(f"turn {number}", max_tokens=400) for number in range(2)]
    wait_until(lambda: all(map(speaking, turns)), what="tokens of both")
    first.drain()
    wait_until(
        lambda: Generation.objects.filter(status=GenerationStatus.QUEUED).count() == 2, what="the drain"
    )
    before = {turn.id: GenerationChunk.objects.filter(generation=turn).count() for turn in turns}
    start_worker("second")

    for turn in turns:
        assert ended(turn).message.content == expected(turn, 400)
        assert (turn.worker, turn.attempt, turn.faults) == ("second", 2, 0)
        seqs = list(turn.chunks.order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(len(seqs)))
        assert len(seqs) > before[turn.id]
    turn = make_turn("a drained worker takes nothing")
    first.hint(turn.id)
    assert ended(turn).worker == "second"
    assert WorkerNode.objects.get(name="first").status == WorkerStatus.DRAINING
    first.close()
    assert WorkerNode.objects.get(name="first").status == WorkerStatus.STOPPED


def test_a_zombie_writes_nothing(start_worker: Start) -> None:
    start_worker()
    turn = make_turn(max_tokens=100_000)
    wait_until(lambda: speaking(turn), what="tokens")
    stolen = Generation.objects.filter(id=turn.id)
    stolen.update(attempt=99, worker="another")
    chunks = GenerationChunk.objects.filter(generation=turn)
    wait_until(lambda: not WorkerNode.objects.filter(busy__gt=0).exists(), what="the run being dropped")

    assert set(chunks.values_list("attempt", flat=True)) == {1}
    assert stolen.get().status == GenerationStatus.RUNNING
    assert make_and_finish().message.content, "its slot is free again"


def make_and_finish() -> Generation:
    return ended(make_turn("another one", max_tokens=5))


def test_a_crash_of_the_engine_is_not_noticed(start_worker: Start) -> None:
    worker = start_worker()
    turn = make_turn(max_tokens=300)
    wait_until(lambda: speaking(turn), what="tokens")
    os.kill(engine_pid(worker), signal.SIGKILL)

    assert ended(turn).message.content == expected(turn, 300)
    assert (turn.attempt, turn.faults) == (1, 0)


def test_what_a_crashed_engine_holds_up_goes_on_at_another_worker(
    start_worker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_worker("first")
    turns = [make_turn(f"turn {number}", max_tokens=1_500) for number in range(2)]
    wait_until(lambda: all(map(speaking, turns)), what="tokens of both")
    monkeypatch.setattr(Backoff, "next_pause", lambda self: 600.0)
    start_worker("second")
    ready = WorkerNode.objects.filter(name="second", status=WorkerStatus.READY)
    wait_until(ready.exists, what="the second worker")
    os.kill(engine_pid(first), signal.SIGKILL)

    for turn in turns:
        assert ended(turn).message.content == expected(turn, 1_500)
        assert (turn.worker, turn.attempt, turn.faults) == ("second", 2, 0)
        seqs = list(turn.chunks.order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(len(seqs)))


def test_cancel_timeout_and_refusal_end_as_such(start_worker: Start) -> None:
    start_worker()
    endless = make_turn("endless", max_tokens=100_000)
    wait_until(lambda: speaking(endless), what="tokens")
    request_cancel(generation_id=endless.id)
    assert ended(endless).status == GenerationStatus.CANCELLED
    assert endless.message.content.startswith(expected(endless, 3))

    slow = make_turn("slow", max_tokens=100_000, max_response_time_ms=300)
    assert (ended(slow).status, slow.finish_reason) == (GenerationStatus.SUCCEEDED, "timeout")
    assert slow.message.content

    long = make_turn("x" * 5000)
    assert (ended(long).status, long.error_code) == (GenerationStatus.FAILED, "context_length_exceeded")
    assert long.reason == long.message.reason
    assert long.reason is not None
    assert long.reason.values["window"] < 5000 < long.reason.values["tokens"]  # type: ignore[operator]


def test_poison_fails_and_the_worker_goes_on(start_worker: Start) -> None:
    start_worker()
    poison = make_turn("[[crash]]")

    assert (ended(poison).status, poison.error_code) == (GenerationStatus.FAILED, "poison_request")
    assert make_and_finish().status == GenerationStatus.SUCCEEDED


def test_the_next_engine_is_tried() -> None:
    broken = paced_config(backend="llama", path=Path("/nowhere.gguf"), device="gpu")
    worker = WorkerRuntime(worker_config("fallback", broken, paced_config(slots=3)))
    info = worker.start()
    worker.close()

    assert (info.device, info.slots) == ("cpu", 3)
    assert WorkerNode.objects.get(name="fallback").slots == 3


@pytest.fixture
def other_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherEngine]:
    other = OtherEngine()
    monkeypatch.setattr("workers.loading.start_engine", other.start)
    yield other
    other.may_load.set()


class OtherEngine:
    """What happens where a second model is loaded: nothing until the test says so, and then an error."""

    def __init__(self) -> None:
        self.asked, self.may_load = threading.Event(), threading.Event()

    def start(self, offer: Offer, *_: object) -> tuple[EngineClient, EngineInfo]:
        if offer.slug == "paced":
            return start_engine(offer)
        self.asked.set()
        assert self.may_load.wait(30)
        raise BlockingIOError("Resource temporarily unavailable")


def test_who_is_cancelled_while_a_model_is_loaded_holds_nobody_up(
    start_worker: Start, other_engine: OtherEngine
) -> None:
    start_worker(slots=1, others=[make_offer(paced_config(model="another"))])
    cancelled = make_generation(model="another")
    assert other_engine.asked.wait(30)
    request_cancel(generation_id=cancelled.id)
    assert ended(cancelled).status == GenerationStatus.CANCELLED
    assert make_and_finish().status == GenerationStatus.SUCCEEDED


def test_a_machine_that_starts_no_process_fails_what_wants_one(
    start_worker: Start, other_engine: OtherEngine
) -> None:
    start_worker(slots=1, others=[make_offer(paced_config(model="another"))])
    other_engine.may_load.set()
    failed = ended(make_generation(model="another"))
    assert (failed.status, failed.error_code) == (GenerationStatus.FAILED, "internal_error")
    assert make_and_finish().status == GenerationStatus.SUCCEEDED


def test_a_claim_under_way_ends_before_the_last_flush(
    start_worker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, flushers_stop = start_worker(), list[bool]()
    monkeypatch.setattr(worker._claimer, "join", lambda _: flushers_stop.append(worker._flusher._stopping))
    worker.close()
    assert flushers_stop == [False]


INFO = EngineInfo(model="paced", digest="d", backend="paced", device="cpu", slots=2, n_ctx=64, n_vocab=9)


@pytest.fixture
def failures(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens during each attempt to start an engine that then dies; afterwards one is had."""
    planned: list[Callable[[], object]] = []

    def start(offer: Offer, *_: object) -> tuple[FakeEngine, EngineInfo]:
        if planned:
            planned.pop(0)()
            raise InferenceError("model_load_failed", "The engine process ended.")
        engine.is_alive = True
        return engine, INFO

    monkeypatch.setattr("workers.loading.start_engine", start)
    monkeypatch.setattr("workers.runtime.RETRY_S", 0.0)
    return planned


def nothing() -> None:
    """Nobody looks."""


def has_status(status: WorkerStatus) -> Callable[[], bool]:
    return lambda: WorkerNode.objects.filter(name="w", status=status).exists()


def test_a_hanging_engine_is_killed_and_a_lost_one_replaced(
    engine: FakeEngine, failures: list[Callable[[], object]]
) -> None:
    worker = WorkerRuntime(worker_config("w", paced_config()))
    worker._look_after()
    worker._engines.start()
    worker._has_started = True
    worker._look_after()
    assert engine.killed == 0
    engine.is_overdue = True
    worker._look_after()
    assert engine.killed == 1
    engine.is_overdue = engine.is_alive = False
    offered: list[list[str]] = []
    failures += [lambda: offered.append(worker._engines.offered)] * 2
    worker._look_after()
    wait_until(lambda: worker._state.status == WorkerStatus.READY, what="another engine")

    assert offered == [[], []]
    assert (worker._state.loaded_models, worker._state.refused_models) == (["paced"], {})


def test_a_failing_worker_still_looks_after_what_it_has(
    engine: FakeEngine, failures: list[Callable[[], object]]
) -> None:
    worker = WorkerRuntime(worker_config("w", paced_config()))
    worker._engines.start()
    worker._has_started, worker._state.status = True, WorkerStatus.FAILING
    engine.is_overdue = True
    worker._look_after()

    assert (engine.killed, worker._state.status) == (1, WorkerStatus.READY)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_machine_starts_no_process_begins_anew(
    engine: FakeEngine, failures: list[Callable[[], object]]
) -> None:
    def exhausted() -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    worker = WorkerRuntime(worker_config("w", paced_config()))
    worker._engines.start()
    worker._has_started, engine.is_alive = True, False
    failures.append(exhausted)
    worker._look_after()
    assert worker._loader is not None
    worker._loader.join()
    assert worker._state.status == WorkerStatus.FAILING

    worker._look_after()
    wait_until(lambda: worker._state.status == WorkerStatus.READY, what="another engine")


def test_a_worker_that_gets_no_engine_says_why_and_tries_again(
    failures: list[Callable[[], object]], caplog: pytest.LogCaptureFixture
) -> None:
    worker = WorkerRuntime(worker_config("w", paced_config()))
    failures += [nothing] * 9 + [lambda: wait_until(has_status(WorkerStatus.FAILING), what="the row")]
    worker.start()
    wait_until(has_status(WorkerStatus.READY), what="readiness")
    worker.close()

    told = [line for line in caplog.messages if "cannot load" in line]
    assert told == ["w cannot load paced and tries again in 0 s: The engine process ended."] * 10


def test_a_worker_without_an_engine_can_leave(
    failures: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = WorkerRuntime(worker_config("w", paced_config()))
    monkeypatch.setattr("workers.runtime.RETRY_S", 1e6)
    failures.append(worker.drain)
    with pytest.raises(InferenceError, match="ended"):
        worker.start()
    worker.hint(uuid4())
    worker.close()

    assert has_status(WorkerStatus.STOPPED)()


def test_a_closed_worker_leaves_no_process(start_worker: Start) -> None:
    worker = start_worker()
    pid = engine_pid(worker)
    worker.close()

    assert not psutil.pid_exists(pid)


def test_a_restarted_worker_continues_its_own_replies_before_their_leases_end(start_worker: Start) -> None:
    generation = make_turn(max_tokens=5)
    claim_generation(worker="first", models=["paced"])
    Generation.objects.update(lease_until=timezone.now() + timedelta(hours=1))
    start_worker("first")

    assert ended(generation).status == GenerationStatus.SUCCEEDED
    assert (generation.attempt, generation.completion_tokens) == (2, 5)


def test_a_session_stays_with_the_worker_that_holds_its_prefix_while_it_has_a_free_slot(
    start_worker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hints are handed over here as Celery would; without one a worker looks about once a second."""
    workers = {name: start_worker(name, slots=1) for name in ("first", "second")}
    told: list[Route] = []

    def deliver(generation_id: UUID, model: str, route: Route) -> None:
        told.append(route)
        worker = workers[route.worker or "second"]
        worker.hint(generation_id)

    monkeypatch.setattr(replies, "enqueue_generation", deliver)
    ready = WorkerNode.objects.filter(status=WorkerStatus.READY)
    wait_until(lambda: ready.count() == 2, what="two workers")
    session = make_session(llm_model="paced")

    def answer() -> Generation:
        turn = start_turn(user=session.owner, session_id=session.id, content="And then? [[end after 5]]")
        return ended(Generation.objects.get(id=turn.generation.id))

    home = answer().worker
    again = answer()
    assert (again.worker, told[-1]) == (home, Route(worker=home))
    assert again.cached_tokens > 20

    occupant = make_turn("long", max_tokens=100_000)
    Generation.objects.filter(id=occupant.id).update(preferred_worker=home)
    workers[home]._claimer.wake()
    wait_until(lambda: speaking(occupant), what="a full worker")
    elsewhere = answer()
    assert (elsewhere.worker == home, told[-1]) == (False, Route(device="cpu"))

    workers[elsewhere.worker].close()
    request_cancel(generation_id=occupant.id)
    ended(occupant)
    assert answer().worker == home, "the holder is gone"
