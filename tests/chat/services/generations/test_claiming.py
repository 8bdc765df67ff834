"""Claims: the fairest row, one winner, faults counted, prompts frozen under the fence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import (
    ChatMessage,
    Generation,
    Priority,
    Role,
)
from chat.services.generations import (
    MAX_FAULTS,
    Progress,
    claim_generation,
    flush_progress,
    freeze_prompt,
)
from inference.types.context import Dropped
from inference.types.prompts import PreparedPrompt, PromptMessage
from tests.support.factories import make_generation, make_message, make_session

pytestmark = pytest.mark.django_db


def expire_lease(generation: Generation) -> None:
    Generation.objects.filter(id=generation.id).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_claims_a_queued_row_and_takes_a_lease() -> None:
    queued = make_generation()
    claimed = claim_generation(worker="w1", models=["paced"])
    assert claimed is not None
    queued.refresh_from_db()
    assert (claimed.id, claimed.attempt, claimed.next_seq) == (queued.id, 1, 0)
    assert (queued.status, queued.worker, queued.attempt, queued.faults) == ("running", "w1", 1, 0)
    assert queued.lease_until is not None
    assert timedelta(0) < queued.lease_until - timezone.now() <= timedelta(seconds=4.5)


def test_a_running_row_is_not_claimed_again() -> None:
    make_generation()
    assert claim_generation(worker="w1", models=["paced"])
    assert claim_generation(worker="w2", models=["paced"]) is None


def test_only_models_the_worker_has() -> None:
    make_generation(model="other")
    assert claim_generation(worker="w1", models=["paced"]) is None


def test_what_prefers_a_worker_is_left_to_it_for_a_moment() -> None:
    waiting = make_generation(preferred_worker="near")
    assert claim_generation(worker="far", models=["paced"]) is None
    Generation.objects.update(waiting_since=timezone.now() - timedelta(seconds=1))
    assert claim_generation(worker="far", models=["paced"]), "it did not claim in time"
    other = make_generation(preferred_worker="near")
    claimed = claim_generation(worker="near", models=["paced"])
    assert claimed is not None
    assert claimed.id == other.id != waiting.id


def test_interactive_before_batch_then_oldest() -> None:
    batch = make_generation(priority=Priority.BATCH)
    first = make_generation()
    second = make_generation()
    order = [claim_generation(worker="w", models=["paced"]) for _ in range(3)]
    assert [claim and claim.id for claim in order] == [first.id, second.id, batch.id]


def test_nobodys_twenty_prompts_go_before_anothers_first() -> None:
    busy = make_session()
    for _ in range(3):
        make_generation(busy)
    other = make_generation()
    claim_generation(worker="w", models=["paced"])
    second = claim_generation(worker="w", models=["paced"])
    assert second is not None
    assert second.id == other.id


def test_an_expired_lease_is_taken_over_and_counts_a_fault() -> None:
    row = make_generation()
    first = claim_generation(worker="w1", models=["paced"])
    assert first
    flush_progress(
        worker="w1",
        updates=[
            Progress(
                generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="Hi", token_ids=[7, 8]
            )
        ],
    )
    Generation.objects.update(started_at=timezone.now() - timedelta(seconds=20))
    expire_lease(row)
    second = claim_generation(worker="w2", models=["paced"])
    assert second is not None
    assert (second.attempt, second.resume_ids, second.resume_text, second.next_seq) == (2, [7, 8], "Hi", 1)
    assert second.spent_s >= 20, "since the first claim"
    row.refresh_from_db()
    assert (row.faults, row.worker) == (1, "w2")


def test_after_too_many_faults_nobody_claims() -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    Generation.objects.filter(id=row.id).update(faults=MAX_FAULTS)
    expire_lease(row)
    assert claim_generation(worker="w", models=["paced"]) is None


def test_a_cancelled_row_is_not_claimed() -> None:
    make_generation(cancel_requested=True)
    assert claim_generation(worker="w", models=["paced"]) is None


def test_the_conversation_is_the_path_to_the_root() -> None:
    session = make_session()
    root = make_message(session, "one")
    answer = make_message(session, "two", role=Role.ASSISTANT, parent=root)
    make_message(session, "a sibling branch", role=Role.ASSISTANT, parent=root)
    row = make_generation(session, content="three", options={"system_prompt": "Be kind."})
    ChatMessage.objects.filter(replies=row.message).update(parent=answer)
    claimed = claim_generation(worker="w", models=["paced"])
    assert claimed is not None
    assert claimed.messages == [
        PromptMessage("system", "Be kind."),
        PromptMessage("user", "one"),
        PromptMessage("assistant", "two"),
        PromptMessage("user", "three"),
    ]


def test_freezing_needs_the_current_attempt() -> None:
    row = make_generation()
    claim_generation(worker="w1", models=["paced"])

    def freeze(attempt: int) -> bool:
        return freeze_prompt(
            generation_id=row.id,
            attempt=attempt,
            prompt=PreparedPrompt(token_ids=[1, 70000], dropped=Dropped(messages=2, tokens=9)),
            model_digest="d",
            options={"seed": 1},
        )

    assert not freeze(attempt=2)
    assert freeze(attempt=1)
    expire_lease(row)
    again = claim_generation(worker="w2", models=["paced"])
    assert again is not None
    assert (again.prompt_ids, again.model_digest, again.options) == ([1, 70000], "d", {"seed": 1})
    row.refresh_from_db()
    assert row.dropped == {"messages": 2, "compressed": 0, "tokens": 9}
    assert [message.content for message in again.messages] == ["Hello"], "for another model"


def test_a_user_runs_so_many_at_once_and_others_go_on(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 2
    busy = make_session()
    for _ in range(3):
        make_generation(busy)
    assert all(claim_generation(worker="w", models=["paced"]) for _ in range(2))
    assert claim_generation(worker="w", models=["paced"]) is None
    other = make_generation()
    claimed = claim_generation(worker="w", models=["paced"])
    assert claimed is not None
    assert claimed.id == other.id


def test_the_limit_does_not_stop_a_takeover(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    row = make_generation()
    claim_generation(worker="w1", models=["paced"])
    expire_lease(row)
    assert claim_generation(worker="w2", models=["paced"]) is not None


def test_what_was_lost_with_the_last_worker_of_its_model_holds_nobody_up(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    session = make_session()
    lost = make_generation(session, model="gone")
    claim_generation(worker="w1", models=["gone"])
    waiting = make_generation(session)
    assert claim_generation(worker="w2", models=["paced"]) is None
    expire_lease(lost)
    claimed = claim_generation(worker="w2", models=["paced"])
    assert claimed is not None
    assert claimed.id == waiting.id
