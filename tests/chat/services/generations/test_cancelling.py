"""Cancelling: by the UPDATE itself where nobody runs the row, by a flag otherwise."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import Generation
from chat.services.generations import (
    MAX_FAULTS,
    Outcome,
    Progress,
    cancelling,
    claim_generation,
    flush_progress,
    release_generations,
    request_cancel,
    settle_abandoned,
)
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db


def expired(text: str = "", **fields: object) -> Generation:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    if text:
        chunk = Progress(
            generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text=text, token_ids=[1, 2]
        )
        flush_progress(worker="w", updates=[chunk])
    Generation.objects.filter(id=row.id).update(lease_until=timezone.now() - timedelta(seconds=1), **fields)
    return row


def test_a_queued_row_ends_at_once() -> None:
    row = make_generation()
    assert request_cancel(generation_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.finish_reason, row.message.status) == ("cancelled", "cancelled", "cancelled")


def test_an_expired_row_ends_at_once_and_keeps_its_text() -> None:
    row = expired("partial")
    assert request_cancel(generation_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.message.content, row.completion_tokens) == ("cancelled", "partial", 2)


def test_a_running_row_gets_a_flag() -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    assert request_cancel(generation_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.cancel_requested) == ("running", True)


def test_a_row_released_meanwhile_is_never_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    settle = cancelling._settle

    def settle_then_drain(*args: Any) -> int:
        ended = settle(*args)
        release_generations(generations=[(row.id, 1)])
        return ended

    with monkeypatch.context() as patch:
        patch.setattr(cancelling, "_settle", settle_then_drain)
        assert request_cancel(generation_id=row.id)
    assert claim_generation(worker="v", models=["paced"]) is None
    assert settle_abandoned() == 1
    row.refresh_from_db()
    assert row.status == "cancelled"


def test_a_row_released_before_the_settling_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    settle = cancelling._settle

    def drain_then_settle(*args: Any) -> int:
        release_generations(generations=[(row.id, 1)])
        return settle(*args)

    monkeypatch.setattr(cancelling, "_settle", drain_then_settle)
    assert request_cancel(generation_id=row.id)
    row.refresh_from_db()
    assert row.status == "cancelled"


def test_an_ended_or_unknown_row_is_left_alone() -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    flush_progress(
        worker="w",
        updates=[
            Progress(
                generation_id=row.id,
                message_id=row.message_id,
                attempt=1,
                seq=0,
                outcome=Outcome(finish_reason="stop"),
            )
        ],
    )
    assert not request_cancel(generation_id=row.id)
    assert not request_cancel(generation_id=uuid.uuid4())
    row.refresh_from_db()
    assert row.status == "succeeded"


def test_what_was_cancelled_while_its_worker_died_is_settled() -> None:
    row = expired("some", cancel_requested=True)
    assert settle_abandoned() == 1
    row.refresh_from_db()
    assert (row.status, row.message.content) == ("cancelled", "some")


def test_what_faults_too_often_fails_with_a_sentence() -> None:
    row = expired(faults=MAX_FAULTS)
    assert settle_abandoned() == 1
    row.refresh_from_db()
    assert (row.status, row.error_code, row.error_retryable) == ("failed", "attempts_exhausted", True)
    assert "try again" in row.message.error_message


def test_what_may_still_be_resumed_is_left_to_the_workers() -> None:
    expired(faults=MAX_FAULTS - 1)
    make_generation()
    assert settle_abandoned() == 0
