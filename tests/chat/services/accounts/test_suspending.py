"""Who is suspended is out, everywhere and at once."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from chat.admin.accounts import PersonAdmin
from chat.models import AuditEntry, BatchJob, BatchStatus, Decision, Generation, Notice, Suspension, User
from chat.selectors.limits import limits_of
from chat.services.accounts import create_user, suspend_user, unsuspend_user
from chat.services.admission import admit_turn
from chat.services.batches import checkpoint_lines
from chat.services.batches.settling import LineProgress
from chat.services.errors import Forbidden, InvalidRequest, NotLoggedIn
from chat.services.generations import claim_generation
from chat.services.moderation.appeals import appeal_decision, decide_appeal
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.standing import AccountSuspended
from chat.services.tokens import log_in, refresh_tokens
from tests.support.api import Caller, offer_model
from tests.support.batches import claim, make_job, submit
from tests.support.factories import make_case, make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db
TOMORROW = timezone.now() + timedelta(days=1)


@pytest.fixture
def ann() -> User:
    """Somebody with a password."""
    return make_user(username="ann")


def test_the_sentence_says_what_why_and_until_when(ann: User) -> None:
    until = timezone.now().replace(year=2031, month=2, day=3, hour=4, minute=5)
    suspend_user(user=ann, reason=" Spam. ", until=until)
    with pytest.raises(NotLoggedIn) as caught:
        log_in(username="ann", password="secret")
    assert caught.value.message == "Your account is suspended until 03 February 2031, 04:05 UTC: Spam."
    suspend_user(user=ann, reason="Spam", kind=Suspension.BANNED)
    with pytest.raises(NotLoggedIn, match=r"^Your account is banned: Spam\.$"):
        log_in(username="ann", password="secret")
    with pytest.raises(NotLoggedIn, match="wrong"):
        log_in(username="ann", password="other")


def test_every_door_is_shut_and_opens_again_by_itself(ann: User) -> None:
    caller, cookie, tokens = Caller(ann), Client(), log_in(username="ann", password="secret")
    assert cookie.login(username="ann", password="secret")
    bearer = {"Authorization": f"Bearer {tokens.access}"}

    def doors() -> list[Any]:
        return [
            caller.get("sessions").status_code,
            caller.get("/v1/models").status_code,
            Client(headers=bearer).get("/api/v1/chat/sessions").status_code,
            cookie.get("/api/v1/chat/sessions").status_code,
            cookie.get("/batches/").status_code,
            authenticate(username="ann", password="secret") is not None,
        ]

    assert doors() == [200] * 5 + [True]
    suspend_user(user=ann, reason="Spam", until=TOMORROW)
    assert doors() == [401] * 4 + [302, False]
    assert "suspended until" in caller.get("sessions").json()["details"]["message"]
    error = caller.get("/v1/models").json()["error"]
    assert (error["code"], "Spam." in error["message"]) == ("account_suspended", True)
    with pytest.raises(AccountSuspended):
        refresh_tokens(refresh=tokens.refresh)
    User.objects.update(suspended_until=timezone.now() - timedelta(seconds=1))
    assert doors() == [200] * 5 + [True]


def test_the_login_page_says_why(ann: User) -> None:
    suspend_user(user=ann, reason="Spam & more")
    page = Client().post("/accounts/login/", {"username": "ann", "password": "secret"})
    assert "Your account is suspended: Spam &amp; more." in page.content.decode()


def test_replies_that_wait_or_run_are_stopped(ann: User, django_capture_on_commit_callbacks: Any) -> None:
    offer_model()
    running, waiting = make_generation(make_session(ann)), make_generation(make_session(ann))
    assert claim_generation(worker="w", models=["paced"]) is not None
    others = make_generation()
    with django_capture_on_commit_callbacks(execute=True):
        suspend_user(user=ann, reason="Spam")
    rows = {row.id: row for row in Generation.objects.all()}
    assert {rows[running.id].cancel_requested, rows[waiting.id].cancel_requested} == {True}
    assert {rows[running.id].status, rows[waiting.id].status} == {"running", "cancelled"}
    assert (rows[others.id].cancel_requested, rows[others.id].status) == (False, "queued")


def test_nothing_is_admitted_that_was_authorised_just_before(ann: User) -> None:
    known = User.objects.get(id=ann.id)
    suspend_user(user=ann, reason="Spam")
    with pytest.raises(AccountSuspended):
        admit_turn(user=known, model="paced", tokens=1, limits=limits_of(known))


@pytest.mark.usefixtures("files_dir")
def test_batch_jobs_rest_and_go_on(ann: User) -> None:
    offer_model()
    make_job(3, user=ann)
    [line] = claim(1)
    suspend_user(user=ann, reason="Spam", until=TOMORROW)
    assert claim(5) == []
    progress = LineProgress(line_id=line.id, attempt=line.attempt)
    assert checkpoint_lines(updates=[progress], lease=timedelta(seconds=10)) == {line.id: True}
    with pytest.raises(AccountSuspended):
        submit(user=ann)
    unsuspend_user(user=ann)
    assert len(claim(5)) == 2
    assert not BatchJob.objects.get().is_paused


@pytest.mark.usefixtures("files_dir")
def test_a_ban_cancels_batch_jobs(ann: User, django_capture_on_commit_callbacks: Any) -> None:
    offer_model()
    job = make_job(3, user=ann)
    with django_capture_on_commit_callbacks(execute=True):
        suspend_user(user=ann, reason="Spam", kind=Suspension.BANNED)
    job.refresh_from_db()
    assert job.status == BatchStatus.CANCELLING


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"until": timezone.now() - timedelta(seconds=1)}, "until"),
        ({"kind": Suspension.BANNED, "until": TOMORROW}, "until"),
    ],
)
def test_what_cannot_be(ann: User, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        suspend_user(**{"user": ann, "reason": "Spam", **given})
    assert caught.value.field == field
    assert not User.objects.get().suspension


@pytest.mark.parametrize(
    ("by", "of", "may"),
    [
        ("user", "user", False),
        ("moderator", "user", True),
        ("moderator", "moderator", False),
        ("moderator", "administrator", False),
        ("administrator", "moderator", True),
    ],
)
def test_who_may_suspend_whom(by: str, of: str, may: bool) -> None:
    actor = create_user(username="by", password="x", role=by)
    user = create_user(username="of", password="x", role=of)
    with nullcontext() if may else pytest.raises(Forbidden):
        suspend_user(user=user, reason="Spam", by=actor)
    with nullcontext() if may else pytest.raises(Forbidden):
        unsuspend_user(user=user, by=actor)
    with pytest.raises(Forbidden):
        suspend_user(user=actor, reason="Spam", by=actor)


def test_each_way_leaves_one_line_in_the_audit_log(ann: User) -> None:
    moderator, second = (create_user(username=name, password="x", role="moderator") for name in ("mo", "su"))
    case = make_case(make_message(make_session(ann)))
    verdict = Verdict(decision=Decision.SUSPEND, reason="Spam", until=TOMORROW)
    written = AuditEntry.objects.count()
    call_command("user", "suspend", "ann", "--reason", "Spam", stdout=StringIO())
    call_command("user", "unsuspend", "ann", stdout=StringIO())
    decide_case(actor=moderator, case_id=case.id, version=case.version, verdict=verdict)
    assert User.objects.get(id=ann.id).is_suspended
    appeal = appeal_decision(
        user=ann, notice_id=Notice.objects.filter(user=ann).latest("created_at").id, words="It was not me."
    )
    decide_appeal(actor=second, appeal_id=appeal.id, version=appeal.version, overturn=True)
    assert not User.objects.get(id=ann.id).is_suspended
    entries = list(AuditEntry.objects.order_by("number").values_list("action", flat=True))[written:]
    assert entries == ["user.suspended", "user.unsuspended", "case.decided", "appeal.decided"]


def test_the_admin_shows_a_suspension_and_cannot_change_it() -> None:
    fields = {field.name for field in User._meta.get_fields() if field.name.startswith("suspen")}
    assert len(fields) == 6
    assert fields <= set(PersonAdmin.readonly_fields)
