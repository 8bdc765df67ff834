"""Flushes: fenced, atomic, in order, and ended exactly once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat.models import Generation, GenerationChunk, GenerationStatus
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed, GenerationFinished, GenerationStarted
from chat.realtime.protocol.views import DroppedContext
from chat.selectors.generations import deltas_after
from chat.services.generations import (
    Outcome,
    OutcomeError,
    Progress,
    claim_generation,
    flush_progress,
    freeze_prompt,
    logprob_views,
    purge_expired_chunks,
)
from inference.types.events import Candidate, Started, TokenLogprobs
from inference.types.prompts import PreparedPrompt
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


def running(**fields: object) -> Generation:
    row = make_generation(**fields)  # type: ignore[arg-type]
    assert claim_generation(worker="w", models=["paced"])
    prompt = PreparedPrompt(token_ids=[1, 2, 3])
    freeze_prompt(generation_id=row.id, attempt=1, prompt=prompt, model_digest="d", options={})
    row.refresh_from_db()
    return row


def test_probabilities_are_kept_and_read_again_with_their_chunk() -> None:
    row = running()
    half = Candidate(token_id=5, piece=b"\xf0\x9f\0", logprob=-0.5)
    end = Candidate(token_id=0, piece=b"", logprob=-0.1)
    views = logprob_views([TokenLogprobs(chosen=half, top=[half]), TokenLogprobs(chosen=end, top=[])])
    progress = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        text="",
        token_ids=[5],
        logprobs=views,
    )
    (delta,) = flush_progress(worker="w", updates=[progress])[row.id].events
    asked: dict[str, Any] = {"generation_id": row.id, "message_id": row.message_id}
    assert deltas_after(**asked, after_seq=-1) == [delta]
    assert isinstance(delta, DeltaEvent)
    (token,) = delta.logprobs or []
    assert (token.token, token.bytes, token.logprob) == ("\ufffd\ufffd", [0xF0, 0x9F, 0], -0.5)
    assert (token.top[0].token, len(token.top)) == (token.token, 1)
    ended = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=1,
        outcome=Outcome(finish_reason="stop"),
    )
    flush_progress(worker="w", updates=[ended])
    row.message.refresh_from_db()
    assert row.message.confidence == pytest.approx(0.6065, abs=1e-4)


def test_a_chunk_is_committed_and_told() -> None:
    row = running()
    progress = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        is_first=True,
        text="Hi",
        token_ids=[5],
        started=Started(request_id="r", prompt_tokens=3, cached_tokens=2),
    )
    flushed = flush_progress(worker="w", updates=[progress])[row.id]
    started, delta = flushed.events
    assert isinstance(started, GenerationStarted)
    assert (started.attempt, started.worker, started.cached_tokens) == (1, "w", 2)
    assert isinstance(delta, DeltaEvent)
    assert (delta.seq, delta.text) == (0, "Hi")
    chunk = GenerationChunk.objects.get()
    assert (chunk.text, bytes(chunk.token_ids), chunk.attempt) == ("Hi", b"\x05\x00\x00\x00", 1)
    row.refresh_from_db()
    assert row.first_token_at is not None


def test_a_stale_attempt_writes_nothing() -> None:
    row = running()
    Generation.objects.filter(id=row.id).update(attempt=2)
    stale = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        text="zombie",
        outcome=Outcome(finish_reason="stop"),
    )
    assert flush_progress(worker="w", updates=[stale]) == {}
    row.refresh_from_db()
    assert row.status == GenerationStatus.RUNNING
    assert not GenerationChunk.objects.exists()


def test_an_empty_flush_renews_the_lease_only_when_it_runs_low() -> None:
    row = running()
    alive = Progress(generation_id=row.id, message_id=row.message_id, attempt=1, seq=0)
    flush_progress(worker="w", updates=[alive])
    untouched = Generation.objects.get().lease_until
    assert untouched == row.lease_until
    Generation.objects.update(lease_until=timezone.now() + timedelta(seconds=1))
    flush_progress(worker="w", updates=[alive])
    renewed = Generation.objects.get().lease_until
    assert renewed is not None
    assert renewed > timezone.now() + timedelta(seconds=2)


def test_the_end_folds_the_text_into_the_message() -> None:
    row = running()
    flush_progress(
        worker="w",
        updates=[
            Progress(
                generation_id=row.id,
                message_id=row.message_id,
                attempt=1,
                seq=0,
                text="Hello ",
                token_ids=[5],
            )
        ],
    )
    outcome = Outcome(finish_reason="stop", cached_tokens=1, completion_tokens=2, tokens_per_second=12.345)
    last = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=1,
        text="world",
        token_ids=[6],
        outcome=outcome,
    )
    delta, finished = flush_progress(worker="w", updates=[last])[row.id].events
    assert isinstance(delta, DeltaEvent)
    assert isinstance(finished, GenerationFinished)
    assert (finished.last_seq, finished.usage.total_tokens, finished.usage.cached_tokens) == (1, 5, 1)
    assert (finished.metrics.tokens_per_second, finished.worker) == (12.35, "w")
    row.refresh_from_db()
    message, session = row.message, row.session
    assert (row.status, row.lease_until, row.completion_tokens) == ("succeeded", None, 2)
    assert (message.content, message.status, message.finish_reason) == ("Hello world", "complete", "stop")
    assert (message.metrics["prompt_tokens"], message.metrics["worker"]) == (3, "w")
    assert session.token_usage == 5
    assert flush_progress(worker="w", updates=[last]) == {}


def test_what_context_shifts_discarded_is_told_beside_what_the_policy_dropped() -> None:
    row = running()
    Generation.objects.filter(id=row.id).update(dropped={"messages": 2, "compressed": 0, "tokens": 9})
    outcome = Outcome(finish_reason="stop", completion_tokens=2, discarded_tokens=30)
    last = Progress(
        generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="", outcome=outcome
    )
    (finished,) = flush_progress(worker="w", updates=[last])[row.id].events
    assert isinstance(finished, GenerationFinished)
    told = DroppedContext(messages=2, tokens=9, shifted=30)
    assert finished.usage.dropped == told
    row.refresh_from_db()
    assert DroppedContext(**row.dropped) == told
    assert row.message.metrics["dropped"] == msgspec.to_builtins(told)


@pytest.mark.parametrize(
    ("outcome", "row_status", "message_status"),
    [
        (Outcome(finish_reason="cancelled"), "cancelled", "cancelled"),
        (Outcome(finish_reason="timeout"), "succeeded", "complete"),
        (
            Outcome(finish_reason="error", error=OutcomeError(code="boom", message="It broke.")),
            "failed",
            "failed",
        ),
    ],
)
def test_each_end_keeps_the_text(outcome: Outcome, row_status: str, message_status: str) -> None:
    row = running()
    last = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        text="kept",
        token_ids=[1],
        outcome=outcome,
    )
    event = flush_progress(worker="w", updates=[last])[row.id].events[-1]
    row.refresh_from_db()
    assert (row.status, row.message.status, row.message.content) == (row_status, message_status, "kept")
    if outcome.error:
        assert isinstance(event, GenerationFailed)
        assert event.error.code == row.error_code == "boom"
        assert row.message.error_message == "It broke."


def test_a_cancel_flag_comes_back() -> None:
    row = running()
    Generation.objects.update(cancel_requested=True)
    result = flush_progress(
        worker="w", updates=[Progress(generation_id=row.id, message_id=row.message_id, attempt=1, seq=0)]
    )
    assert result[row.id].cancel_requested


def test_one_bad_row_rolls_the_whole_transaction_back() -> None:
    first, second = running(), running()
    flush_progress(
        worker="w",
        updates=[Progress(generation_id=first.id, message_id=first.message_id, attempt=1, seq=0, text="a")],
    )
    again = Progress(generation_id=first.id, message_id=first.message_id, attempt=1, seq=0, text="b")
    fine = Progress(generation_id=second.id, message_id=second.message_id, attempt=1, seq=0, text="c")
    with pytest.raises(IntegrityError), transaction.atomic():
        flush_progress(worker="w", updates=[again, fine])
    assert list(GenerationChunk.objects.values_list("text", flat=True)) == ["a"]


def test_queries_do_not_grow_with_the_number_of_generations(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    rows = [running(session=make_session()) for _ in range(6)]
    Generation.objects.update(first_token_at=timezone.now())
    updates = [
        Progress(generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="x") for row in rows
    ]
    with django_assert_num_queries(5):  # savepoint, lock, lease, chunks, release
        assert len(flush_progress(worker="w", updates=updates)) == 6


def test_nothing_to_flush_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert flush_progress(worker="w", updates=[]) == {}


def test_chunks_are_purged_after_the_retention() -> None:
    row = running()
    done = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        text="x",
        outcome=Outcome(finish_reason="stop"),
    )
    flush_progress(worker="w", updates=[done])
    assert purge_expired_chunks() == 0
    Generation.objects.update(finished_at=timezone.now() - timedelta(hours=2))
    assert purge_expired_chunks() == 1
    assert Generation.objects.get().message.content == "x"
