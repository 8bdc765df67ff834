"""The live view: what it shows to whom, and its switches."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.models import AuditEntry, Generation, GenerationChunk, Hold, User, WorkerStatus
from chat.services.generations import Progress, claim_generation, flush_progress
from chat.services.operating import set_banner
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_session, make_user

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


@pytest.fixture
def running() -> Generation:
    """A reply that a worker is writing."""
    heartbeat(
        name="w",
        status=WorkerStatus.READY,
        loaded_models=["paced"],
        slots=2,
        figures={"paced": {"kv_tokens": 512}},
        capabilities={"context_length": 1024},
    )
    row = make_generation(make_session(make_user(username="ada")))
    claim_generation(worker="w", models=["paced"])
    said = Progress(
        generation_id=row.id,
        message_id=row.message_id,
        attempt=1,
        seq=0,
        text="secret words",
        token_ids=range(10),
    )
    flush_progress(worker="w", updates=[said])
    # However slow the test is, it was written just now.
    GenerationChunk.objects.update(created_at=timezone.now() + timedelta(minutes=1))
    return row


def test_it_shows_replies_workers_and_queues(moderating: Client, running: Generation) -> None:
    make_generation(make_session(make_user(username="bob")), model="other")
    page = moderating.get(reverse("live")).content.decode()
    for shown in ("ada", "bob", "running", "queued", "2.0</td>", "25 %", "1 / 2", ">10</td>"):
        assert shown in page, shown
    assert "secret words" not in page


def test_it_costs_as_many_queries_for_many_replies(moderating: Client, running: Generation) -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        moderating.get(reverse("live"))
    for _ in range(20):
        make_generation()
    with CaptureQueriesContext(connection) as many:
        moderating.get(reverse("live"))
    assert len(many) == len(few) <= MOST_QUERIES


def test_a_reply_is_stopped_with_a_reason(moderating: Client, running: Generation) -> None:
    page = reverse("live_reply", args=[running.id])
    assert "Stop the reply" in moderating.get(page).content.decode()
    answer = moderating.post(reverse("kill_reply", args=[running.id]), {"reason": "Spam."}, follow=True)
    assert "The reply is stopped." in answer.content.decode()
    running.refresh_from_db()
    assert (running.cancel_requested, running.kill_reason) == (True, "Spam.")
    answer = moderating.post(reverse("kill_reply", args=[running.id]), {"reason": ""}, follow=True)
    assert "Reason, which its readers see: This field is required." in answer.content.decode()


@pytest.mark.parametrize(
    ("route", "field"), [("kill_reply", "reason"), ("change_banner", "text")], ids=["kill", "banner"]
)
def test_what_is_too_long_stays_in_its_field(
    administrating: Client, running: Generation, route: str, field: str
) -> None:
    url = reverse(route, args=[running.id] if route == "kill_reply" else [])
    answer = administrating.post(url, {field: "x" * 301})
    assert answer.status_code == 400
    assert "at most 300 characters" in answer.content.decode()
    assert f'value="{"x" * 301}"' in answer.content.decode()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("route", "name"), [("switch_worker", "w"), ("switch_queue", "paced")])
def test_workers_and_queues_are_held_and_lifted(
    administrating: Client, running: Generation, route: str, name: str
) -> None:
    administrating.post(reverse(route), {"name": name, "held": "yes"})
    assert Hold.objects.get().name == name
    assert "Resume" in administrating.get(reverse("live")).content.decode()
    administrating.post(reverse(route), {"name": name, "held": "no"})
    assert not Hold.objects.exists()
    assert AuditEntry.objects.count() == 2


def test_the_banner_is_above_every_page(administrating: Client, browser: Client) -> None:
    administrating.post(reverse("change_banner"), {"text": "Back at <ten>"})
    for page in (
        browser.get("/", follow=True),
        browser.get(reverse("batches")),
        browser.get(reverse("banner")),
    ):
        assert "Back at &lt;ten&gt;" in page.content.decode()
    administrating.post(reverse("change_banner"), {"text": ""})
    assert browser.get(reverse("banner")).content == b""


def test_nobody_in_particular_sees_no_banner(moderator: User) -> None:
    moderator.is_superuser = True
    set_banner(actor=moderator, text="Hello")
    assert Client().get(reverse("banner")).status_code == 204


def test_what_does_not_exist_is_not_found(moderating: Client) -> None:
    assert moderating.get(reverse("live_reply", args=[uuid4()])).status_code == 404


def test_text_needs_a_leave(moderating: Client, running: Generation) -> None:
    page = moderating.get(reverse("live_reply", args=[running.id])).content.decode()
    assert "This conversation is private." in page
    assert "data-follow" not in page
    stream = f"/api/v1/chat/generations/{running.id}/stream"
    assert moderating.get(stream).status_code == 404
    glass = reverse("moderation_conversation", args=[running.session_id])
    moderating.post(glass, {"reason": "A threat was reported."})
    page = moderating.get(reverse("live_reply", args=[running.id])).content.decode()
    assert f'data-follow="{stream}"' in page
    assert moderating.get(stream).status_code == 200
