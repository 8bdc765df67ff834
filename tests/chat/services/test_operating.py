from __future__ import annotations

import pytest
from django.utils.translation import override

from chat.models import AuditEntry, Generation, Hold, HoldKind, User, WorkerStatus
from chat.selectors.operating import models_to_take, read_banner
from chat.selectors.workers import live_workers
from chat.services.accounts import create_user
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.generations import Outcome, Progress, claim_generation, flush_progress
from chat.services.operating import hold, kill_generation, lift, set_banner
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> User:
    """An administrator."""
    return create_user(username="chief", password="secret", role="administrator")


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def run(row: Generation, outcome: Outcome) -> Generation:
    claim_generation(worker="w", models=["paced"])
    said = Progress(generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="so far")
    flush_progress(worker="w", updates=[said])
    end = Progress(generation_id=row.id, message_id=row.message_id, attempt=1, seq=1, outcome=outcome)
    flush_progress(worker="w", updates=[end])
    row.refresh_from_db()
    return row


def test_a_waiting_reply_that_is_killed_fails_with_the_reason(chief: User) -> None:
    row = make_generation()
    kill_generation(actor=chief, generation_id=row.id, reason=" It insults people. ")
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("failed", "stopped_by_moderator")
    assert row.message.error_message == "A moderator stopped this reply: It insults people."
    with override("de"):
        assert row.message.shown_error == "Ein Moderator hat diese Antwort angehalten: It insults people."
    assert actions() == ["generation.killed"]
    assert AuditEntry.objects.get().subject_id == str(row.id)


def test_a_running_reply_that_is_killed_keeps_its_text_and_tells_the_reason(chief: User) -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    kill_generation(actor=chief, generation_id=row.id, reason="Spam.")
    said = Progress(generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="so far")
    assert flush_progress(worker="w", updates=[said])[row.id].cancel_requested
    end = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=1,
        outcome=Outcome(finish_reason="cancelled"),
    )
    (event,) = flush_progress(worker="w", updates=[end])[row.id].events
    assert event.error.code == "stopped_by_moderator"  # type: ignore[union-attr]
    row.refresh_from_db()
    assert (row.status, row.message.content) == ("failed", "so far")


def test_a_reply_that_ends_by_itself_first_is_as_it_would_have_been(chief: User) -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    kill_generation(actor=chief, generation_id=row.id, reason="Spam.")
    end = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        text="all",
        outcome=Outcome(finish_reason="stop"),
    )
    flush_progress(worker="w", updates=[end])
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("succeeded", "")


def test_what_has_ended_cannot_be_killed_and_leaves_no_entry(chief: User) -> None:
    row = run(make_generation(), Outcome(finish_reason="stop"))
    with pytest.raises(Conflict):
        kill_generation(actor=chief, generation_id=row.id, reason="Spam.")
    assert actions() == []


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "a\x00b"], ids=["none", "blank", "long", "nul"])
def test_a_kill_needs_a_reason(chief: User, reason: str) -> None:
    row = make_generation()
    with pytest.raises(InvalidRequest):
        kill_generation(actor=chief, generation_id=row.id, reason=reason)


def test_a_held_queue_gives_nothing_until_it_is_lifted(chief: User) -> None:
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"])
    row = make_generation()
    hold(actor=chief, kind=HoldKind.QUEUE, name="paced")
    hold(actor=chief, kind=HoldKind.QUEUE, name="paced")
    assert claim_generation(worker="w", models=["paced"]) is None
    assert models_to_take(worker="w", models=["paced", "other"]) == ["other"]
    lift(actor=chief, kind=HoldKind.QUEUE, name="paced")
    lift(actor=chief, kind=HoldKind.QUEUE, name="paced")
    claimed = claim_generation(worker="w", models=["paced"])
    assert claimed is not None
    assert claimed.id == row.id
    assert actions() == ["queue.paused", "queue.resumed"]


def test_a_held_worker_takes_nothing_and_others_do(chief: User) -> None:
    for name in ("held", "other"):
        heartbeat(name=name, status=WorkerStatus.READY, loaded_models=["paced"])
    make_generation()
    hold(actor=chief, kind=HoldKind.WORKER, name="held")
    heartbeat(name="held", status=WorkerStatus.READY, loaded_models=["paced"])
    assert [worker.name for worker in live_workers()] == ["other"]
    assert models_to_take(worker="held", models=["paced"]) == []
    assert claim_generation(worker="held", models=["paced"]) is None
    assert claim_generation(worker="other", models=["paced"]) is not None
    assert actions() == ["worker.drained"]


@pytest.mark.parametrize("kind", list(HoldKind))
def test_only_what_exists_can_be_held(chief: User, kind: HoldKind) -> None:
    with pytest.raises(NotFound):
        hold(actor=chief, kind=kind, name="nobody")


def test_the_banner_is_set_and_cleared(chief: User) -> None:
    set_banner(actor=chief, text=" Maintenance\nat ten. ")
    assert read_banner() == "Maintenance at ten."
    set_banner(actor=chief, text="")
    set_banner(actor=chief, text="")
    assert read_banner() == ""
    assert actions() == ["banner.set", "banner.cleared"]


def test_people_without_the_permission_can_do_none_of_it() -> None:
    user, row = make_user(), make_generation()
    with pytest.raises(Forbidden):
        kill_generation(actor=user, generation_id=row.id, reason="Spam.")
    with pytest.raises(Forbidden):
        hold(actor=user, kind=HoldKind.WORKER, name="w")
    with pytest.raises(Forbidden):
        lift(actor=user, kind=HoldKind.WORKER, name="w")
    with pytest.raises(Forbidden):
        set_banner(actor=user, text="Hello")
    assert actions() == []
    assert not Hold.objects.exists()
