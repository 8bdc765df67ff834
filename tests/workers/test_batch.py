"""The filler: lines into spare slots, what they say into their rows, and nothing lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from django.utils.translation import override

from chat.api.openai.lines import read_body
from chat.models import BatchLine, BatchStatus, LineStatus
from chat.services.batches import release_lines, settle_lines, steer_batch
from inference.prompt.budget import check_length
from inference.types.engines import EngineInfo
from inference.types.errors import InferenceError
from inference.types.events import Delta, Failed, Finished, Started, Timings, Usage
from tests.support.api import offer_model
from tests.support.batches import claim, lines_of, make_job, request_line, submit, tend
from tests.support.waiting import wait_until
from tests.workers.conftest import FakeEngine, as_client
from workers import batch
from workers.batch import Filler
from workers.batch_line import ACKNOWLEDGED_TOGETHER
from workers.engines import EnginePool
from workers.loading import LoadedEngine

pytestmark = pytest.mark.django_db

SLOTS = 4


class OneEngine:
    """A pool that has one engine loaded."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    def models_to_spare(self) -> list[str]:
        return ["paced"] if self._engine.is_open else []

    @contextmanager
    def use(self, slug: str) -> Iterator[LoadedEngine]:
        info = EngineInfo(
            model=slug, digest="d", backend="paced", device="cpu", slots=SLOTS, n_ctx=64, n_vocab=9
        )
        yield LoadedEngine(as_client(self._engine), info, 0)


def pool_of(engine: FakeEngine) -> EnginePool:
    return cast(EnginePool, OneEngine(engine))


@pytest.fixture(autouse=True)
def _place(files_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_model()
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)


@pytest.fixture
def busy() -> list[int]:
    """How many replies chat runs."""
    return [0]


@pytest.fixture
def filler(engine: FakeEngine, busy: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Filler]:
    """Not started: tests call `tick`, and lines are prepared at once."""
    filler = Filler(
        worker="w",
        engines=pool_of(engine),
        slots=SLOTS,
        read_body=read_body,
        chat_busy=lambda: busy[0],
    )
    monkeypatch.setattr(filler._preparing, "submit", lambda start, *given: start(*given))
    yield filler
    filler.close(1)


def request_id(line: BatchLine, attempt: int = 1) -> str:
    return f"line:{line.id}:{attempt}:0"


def finish(engine: FakeEngine, id_: str, text: str = "") -> None:
    engine.emit(Started(request_id=id_, prompt_tokens=3, cached_tokens=1))
    engine.emit(
        Finished(
            request_id=id_,
            finish_reason="stop",
            usage=Usage(prompt_tokens=3, cached_tokens=1, completion_tokens=2),
            timings=Timings(wait_ms=0, prefill_ms=0, decode_ms=1),
            text=text,
        )
    )


def delta(engine: FakeEngine, id_: str, text: str, *token_ids: int) -> None:
    engine.emit(Delta(request_id=id_, token_ids=list(token_ids), text=text))


def look(filler: Filler) -> None:
    """A tick at which everything is due."""
    filler.hint()
    filler._checked_at = float("-inf")
    filler.tick()


def test_spare_slots_are_filled_and_chat_has_its_own(
    filler: Filler, engine: FakeEngine, busy: list[int]
) -> None:
    make_job(20)
    busy[0] = SLOTS
    look(filler)
    assert filler.busy == 0
    busy[0] = 1
    look(filler)
    assert filler.busy == SLOTS - 1 + SLOTS
    assert {request.priority for request in engine.requests.values()} == {"batch"}
    busy[0] = 0
    look(filler)
    assert filler.busy == SLOTS + SLOTS


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"messages": []}, "invalid_request", "body.messages"),
        ({"max_tokens": -1}, "invalid_options", "body.max_tokens"),
    ],
)
def test_a_line_that_cannot_be_asked_any_more_says_why(
    filler: Filler, wrong: dict[str, Any], code: str, param: str
) -> None:
    job = make_job()
    body = request_line()["body"] | wrong
    BatchLine.objects.update(body=json.dumps(body))
    look(filler)
    filler.tick()
    [line] = lines_of(job)
    assert (line.status, line.error_code, line.error_param) == (LineStatus.FAILED, code, param)


def test_an_answer_is_committed(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    [line] = lines_of(job)
    look(filler)
    delta(engine, request_id(line), "Hel", 5)
    finish(engine, request_id(line), "lo")
    filler.tick()
    [line] = lines_of(job)
    assert (line.status, line.choices) == (
        LineStatus.SUCCEEDED,
        [{"text": "Hello", "finish_reason": "stop"}],
    )
    assert (line.prompt_tokens, line.cached_tokens, line.completion_tokens) == (3, 1, 2)
    job.refresh_from_db()
    assert job.status == BatchStatus.FINALIZING
    assert filler.busy == 0


def test_tokens_are_acknowledged(filler: Filler, engine: FakeEngine) -> None:
    [line] = lines_of(make_job())
    look(filler)
    for _ in range(3):
        delta(engine, request_id(line), "a", *range(ACKNOWLEDGED_TOGETHER // 2))
    assert engine.acknowledged == [(request_id(line), ACKNOWLEDGED_TOGETHER)]


def test_several_ends_are_written_together(filler: Filler, engine: FakeEngine) -> None:
    first, second, *_ = lines_of(make_job(4))
    filler._waiting = 4
    look(filler)
    filler._due.clear()
    finish(engine, request_id(first))
    assert not filler._due.is_set()
    finish(engine, request_id(second))
    assert filler._due.is_set()


def test_a_failure_is_the_lines_end(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    [line] = lines_of(job)
    look(filler)
    engine.emit(Failed(request_id=request_id(line), code="poison_request", message="No."))
    filler.tick()
    [line] = lines_of(job)
    assert (line.status, line.error_code, line.error_message) == (LineStatus.FAILED, "poison_request", "No.")


def test_a_prompt_that_cannot_be_prepared_fails_alone(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    engine.prompt = InferenceError("context_length_exceeded", "Too long.")
    look(filler)
    filler.tick()
    assert lines_of(job)[0].error_code == "context_length_exceeded"


def test_a_line_that_is_too_long_is_told_nothing_of_chats(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    with pytest.raises(InferenceError) as caught:
        check_length(3_000, 2_048)
    engine.prompt = caught.value
    look(filler)
    filler.tick()
    [line] = lines_of(job)
    said = "This line's prompt is at least 3000 tokens long, but the model's window is 2048."
    assert (line.error_code, line.error_message) == ("context_length_exceeded", said)
    with override("de"):
        assert line.shown_error.startswith("Der Prompt dieser Zeile ist mindestens 3000 Token lang")


def test_checkpoints_let_another_worker_go_on(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    [line] = lines_of(job)
    look(filler)
    first = engine.requests[request_id(line)]
    delta(engine, request_id(line), "Hel", 5)
    filler.drain()
    filler.tick()
    [line] = lines_of(job)
    assert (line.status, line.choices) == (LineStatus.PENDING, [{"token_ids": [5], "text": "Hel"}])
    assert engine.cancelled == [request_id(line)]

    filler._draining = False
    look(filler)
    again = engine.requests[request_id(line, 2)]
    assert again.resume is not None
    assert (again.resume.token_ids, again.resume.text) == ([5], "Hel")
    assert again.sampling.seed == first.sampling.seed
    delta(engine, request_id(line, 2), "l", 6)
    finish(engine, request_id(line, 2), "o")
    filler.tick()
    assert lines_of(job)[0].choices[0]["text"] == "Hello"


def test_a_checkpoint_of_another_model_is_not_used(filler: Filler, engine: FakeEngine) -> None:
    [line] = lines_of(make_job())
    BatchLine.objects.update(model_digest="other", choices=[{"token_ids": [5], "text": "Hel"}])
    look(filler)
    assert engine.requests[request_id(line)].resume is None


def test_a_line_that_is_somebody_elses_is_dropped(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    [line] = lines_of(job)
    look(filler)
    release_lines(lines=[(line.id, 1)])
    [other] = claim(worker="v")
    look(filler)
    assert filler.busy == 0
    assert engine.cancelled == [request_id(line)]
    finish(engine, request_id(line), "late")
    filler.tick()
    assert lines_of(job)[0].attempt == other.attempt == 2
    assert lines_of(job)[0].status == LineStatus.RUNNING


def test_a_line_that_was_given_back_before_its_turn_asks_nothing_of_the_engine(
    filler: Filler, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Callable[[], None]] = []
    monkeypatch.setattr(filler._preparing, "submit", lambda start, *given: late.append(lambda: start(*given)))
    [line] = lines_of(make_job())
    look(filler)
    filler.drain()
    filler.tick()
    assert lines_of(line.job)[0].status == LineStatus.PENDING
    [start] = late
    start()
    assert not engine.requests


def test_a_paused_job_gives_its_slots_back(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    look(filler)
    steer_batch(user=job.user, job_id=job.id, is_paused=True)
    look(filler)
    assert filler.busy == 0
    assert lines_of(job)[0].status == LineStatus.PENDING


def test_a_stopping_engine_hands_its_lines_back(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    [line] = lines_of(job)
    look(filler)
    engine.emit(Failed(request_id=request_id(line), code="engine_stopped", message="", retryable=True))
    filler.drain()
    filler.tick()
    assert lines_of(job)[0].status == LineStatus.PENDING


def test_an_end_that_cannot_be_written_fails_its_line_alone(
    filler: Filler, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(2)
    good, bad = lines_of(job)
    look(filler)
    finish(engine, request_id(good), "fine")
    finish(engine, request_id(bad), "bad")
    settle: Callable[..., Any] = settle_lines

    def refuse(*, results: list[Any]) -> Any:
        if any(result.choices and result.choices[0]["text"] == "bad" for result in results):
            raise ValueError("cannot be stored")
        return settle(results=results)

    monkeypatch.setattr(batch, "settle_lines", refuse)
    filler.tick()
    assert [line.status for line in lines_of(job)] == [LineStatus.SUCCEEDED, LineStatus.FAILED]


def test_an_engine_that_leaves_hands_its_lines_back(filler: Filler, engine: FakeEngine) -> None:
    job = make_job()
    look(filler)
    engine.is_alive = False
    filler._found = False
    filler._looked_at = float("inf")
    filler.tick()
    assert filler.busy == 0
    assert lines_of(job)[0].status == LineStatus.PENDING


def test_lines_of_a_crashed_engine_go_on_elsewhere_and_suspects_stay(
    filler: Filler, engine: FakeEngine
) -> None:
    submit(request_line(body={"n": 2}))
    [line] = lines_of(job := tend())
    look(filler)
    delta(engine, request_id(line), "Hel", 5)
    engine.has_crashed, engine.is_open = True, False
    look(filler)
    assert filler.busy == 1, "nobody else has the model"
    offer_model(worker="v")
    engine.suspects = {request_id(line)}
    look(filler)
    assert filler.busy == 1
    engine.suspects.clear()
    look(filler)
    [moved] = lines_of(job)
    assert (filler.busy, moved.status, moved.choices[0]["text"]) == (0, LineStatus.PENDING, "Hel")


@pytest.mark.django_db(transaction=True)
def test_its_thread_finds_lines_by_itself_and_drains(engine: FakeEngine, files_dir: Path) -> None:
    [line] = lines_of(make_job())
    filler = Filler(
        worker="w",
        engines=pool_of(engine),
        slots=1,
        read_body=read_body,
        chat_busy=lambda: 0,
    )
    filler.start()
    wait_until(lambda: request_id(line) in engine.requests, what="the line in the engine")
    assert filler.close(10)
    assert BatchLine.objects.get().status == LineStatus.PENDING
