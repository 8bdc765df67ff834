from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chat.models import Generation, GenerationChunk, GenerationStatus, Priority, WorkerStatus
from chat.realtime.hub import take_snapshots
from chat.selectors.generations import (
    Pace,
    active_generations,
    deltas_after,
    find_generation,
    find_news,
    measure_pace,
    started_event,
    terminal_event,
    watch_generations,
)
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


def running(**fields: Any) -> Generation:
    return make_generation(status=GenerationStatus.RUNNING, attempt=1, lease_until=timezone.now(), **fields)


def ended(seconds: float = 2, **fields: Any) -> Generation:
    fields.setdefault("status", GenerationStatus.SUCCEEDED)
    now = timezone.now()
    metrics = {"queue_ms": 1, "ttft_ms": 2, "response_time_ms": 3, "tokens_per_second": 4.5}
    started = now - timedelta(seconds=seconds)
    return make_generation(started_at=started, finished_at=now, metrics=metrics, **fields)


def say(generation: Generation, *texts: str) -> None:
    for seq, text in enumerate(texts):
        GenerationChunk.objects.create(generation=generation, seq=seq, attempt=1, text=text)


def test_what_is_active_in_a_session(django_assert_num_queries: Any) -> None:
    session = make_session()
    first, second = make_generation(session), make_generation(session)
    say(first, "a", "b")
    make_generation()
    ended(session=session)
    with django_assert_num_queries(1):
        active = active_generations(session.id)
    assert [(item.generation_id, item.last_seq) for item in active] == [
        (str(first.id), 1),
        (str(second.id), -1),
    ]


def test_watching_many_costs_one_query_and_four_more_while_some_wait(django_assert_num_queries: Any) -> None:
    generations = [running(), *(make_generation() for _ in range(3))]
    batch = make_generation(priority=Priority.BATCH)
    other = make_generation(model="other")
    say(generations[0], "a")
    ids = [row.id for row in [*generations, batch, other]]
    unknown = make_session().id
    with django_assert_num_queries(1):
        watched = watch_generations([*ids, unknown])
    assert len(watched) == 6
    assert watched[ids[0]].last_seq == 0
    with django_assert_num_queries(5):
        snapshots = take_snapshots(ids)
    notices: list[Any] = [snapshots[id_].notice for id_ in ids[1:]]
    assert [notice.position for notice in notices] == [1, 2, 3, 4, 1]
    with django_assert_num_queries(1):
        take_snapshots(ids[:1])


def test_deltas_after_a_seq() -> None:
    generation = running()
    say(generation, "a", "", "c")
    deltas = deltas_after(generation_id=generation.id, message_id=generation.message_id, after_seq=0)
    assert [(delta.seq, delta.text) for delta in deltas] == [(1, ""), (2, "c")]


def test_finding_needs_the_session() -> None:
    generation = make_generation()
    assert find_generation(session_id=generation.session_id, generation_id=generation.id) == generation
    assert find_generation(session_id=make_session().id, generation_id=generation.id) is None


def test_terminal_events_from_the_row() -> None:
    good = ended(prompt_tokens=3, cached_tokens=1, completion_tokens=2, finish_reason="stop")
    say(good, "a")
    bad = ended(status=GenerationStatus.FAILED, error_code="x", error_message="No.", error_retryable=True)
    watched = watch_generations([good.id, bad.id])
    finished: Any = terminal_event(watched[good.id])
    assert (finished.finish_reason, finished.last_seq, finished.usage.total_tokens) == ("stop", 0, 5)
    assert finished.metrics.tokens_per_second == 4.5
    failed: Any = terminal_event(watched[bad.id])
    assert (failed.error.code, failed.error.message, failed.error.retryable) == ("x", "No.", True)


def test_purged_means_ended_with_text_but_without_chunks() -> None:
    good, empty, busy = ended(), ended(), running()
    for row in (good, busy):
        row.message.content = "x"
        row.message.save()
    watched = watch_generations([good.id, empty.id, busy.id])
    assert [watched[row.id].is_purged for row in (good, empty, busy)] == [True, False, False]


def test_a_start_is_told_from_the_row_once_there_is_text() -> None:
    generation = running(worker="w")
    assert take_snapshots([generation.id])[generation.id].notice is None
    say(generation, "a")
    watched = watch_generations([generation.id])[generation.id]
    assert take_snapshots([generation.id])[generation.id].notice == started_event(watched.row)


@pytest.mark.parametrize(
    ("pace", "ahead", "seconds"),
    [
        (Pace(0, 0, 5.0), 0, None),
        (Pace(4, 1, 5.0), 0, 0.0),
        (Pace(4, 0, None), 0, None),
        (Pace(4, 0, 8.0), 0, 2.0),
        (Pace(4, 1, 8.0), 2, 4.0),
    ],
)
def test_the_wait(pace: Pace, ahead: int, seconds: float | None) -> None:
    assert pace.seconds_until_slot(ahead) == seconds


def test_the_pace_is_measured(django_assert_num_queries: Any) -> None:
    assert measure_pace() == Pace(0, 0, None)
    heartbeat(name="a", status=WorkerStatus.READY, loaded_models=["small"], slots=4, busy=1)
    heartbeat(name="b", status=WorkerStatus.READY, loaded_models=["small", "large"], slots=2, busy=2)
    ended(seconds=2, model="small")
    ended(seconds=4, model="large")
    with django_assert_num_queries(2):
        pace = measure_pace()
    assert (pace.slots, pace.free, pace.mean_seconds) == (6, 3, 3.0)
    assert (pace.of("small"), pace.of("large")) == (Pace(6, 3, 2.0), Pace(2, 0, 4.0))


def test_without_a_worker_for_the_model_there_is_no_estimate() -> None:
    heartbeat(name="a", status=WorkerStatus.READY, loaded_models=["small"], slots=4)
    ended(model="large")
    served, unserved = make_generation(model="small"), make_generation(model="large")
    snapshots = take_snapshots([served.id, unserved.id])
    notices: list[Any] = [snapshots[row.id].notice for row in (served, unserved)]
    assert [(notice.position, notice.eta_seconds) for notice in notices] == [(1, 0.0), (1, None)]


def test_news_is_what_is_not_merely_running_as_known(django_assert_num_queries: Any) -> None:
    quiet, further, queued = running(), running(), make_generation()
    say(quiet, "a", "b")
    say(further, "a", "b")
    gone = uuid4()
    known = {quiet.id: 1, further.id: 0, queued.id: -1, gone: 3}
    with django_assert_num_queries(1):
        assert find_news(known) == [further.id, queued.id, gone]
