"""What is old enough goes, with everything that belongs to it; what is held stays."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from chat.models import (
    Appeal,
    AppealStatus,
    Attachment,
    AuditEntry,
    Case,
    CaseStatus,
    ChatMessage,
    ChatSession,
    Decision,
    Generation,
    GenerationStatus,
    LegalHold,
    Report,
    User,
)
from chat.services import retention
from chat.services.accounts import delete_account
from chat.services.errors import Conflict, InvalidRequest, NotFound
from chat.services.files import delete_file, keep_file
from chat.services.holds import lift_hold, place_hold
from chat.services.messages import change_message, clear_session, delete_message
from chat.services.retention import Disposal, dispose, plan_disposal
from chat.services.scopes import SERVICE
from chat.services.sessions import delete_session
from tests.support.factories import make_case, make_generation, make_message, make_session, make_user

WOULD_DELETE = (
    "Would delete 1 messages, 0 files and 1 empty sessions, and the words of 0 closed cases; "
    "0 messages are held."
)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _thirty_days(settings: Any) -> None:
    settings.RETENTION_DAYS = 30


def aged(days: int, *, session: ChatSession | None = None, **fields: Any) -> ChatMessage:
    """A message, and its session unless one is given, of so many days ago."""
    session_of = session or make_session(**fields)
    message = make_message(session_of, "xylophone")
    then = timezone.now() - timedelta(days=days)
    ChatMessage.objects.filter(id=message.id).update(created_at=then)
    if session is None:
        ChatSession.objects.filter(id=session_of.id).update(updated_at=then, message_count=1)
    return message


def left() -> set[Any]:
    return set(ChatMessage.objects.values_list("id", flat=True))


def test_off_by_default(settings: Any) -> None:
    settings.RETENTION_DAYS = 0
    aged(10_000)
    assert dispose() == plan_disposal() == Disposal()
    assert len(left()) == 1


def test_the_plan_is_what_happens(files_dir: Path) -> None:
    old = aged(31)
    file = keep_file(
        user=old.session.owner, purpose="user_data", file=ContentFile(b"secret"), filename="f.txt"
    )
    Attachment.objects.create(session=old.session, message=old, file=file, kind="text", text="secret")
    young = aged(29)
    in_a_live_session = aged(31, session=young.session)
    held = aged(400)
    place_hold(session=held.session, reason="court")
    plan = plan_disposal()
    assert plan == Disposal(messages=2, sessions=1, files=1, held=1)
    assert left() == {old.id, young.id, in_a_live_session.id, held.id}
    assert dispose() == plan
    assert left() == {young.id, held.id}
    assert not ChatSession.objects.filter(id=old.session_id).exists()
    assert ChatSession.objects.get(id=young.session_id).message_count == 1
    assert dispose() == Disposal(held=1)
    entry = AuditEntry.objects.filter(action="retention.disposed").get()
    assert entry.data["messages"] == 2


def test_files_leave_the_disk(files_dir: Path, django_capture_on_commit_callbacks: Any) -> None:
    old = aged(31)
    file = keep_file(user=old.session.owner, purpose="user_data", file=ContentFile(b"s"), filename="f")
    Attachment.objects.create(session=old.session, message=old, file=file, kind="text", text="s")
    path = files_dir / str(file.content.name)
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        dispose()
    assert not path.exists()


def test_a_session_has_days_of_its_own_shorter_or_longer() -> None:
    short, long = aged(8, retention_days=7), aged(300, retention_days=365)
    dispose()
    assert left() == {long.id}
    assert not ChatSession.objects.filter(id=short.session_id).exists()


def test_what_is_being_answered_stays_until_it_is_over() -> None:
    row = make_generation()
    ChatMessage.objects.update(created_at=timezone.now() - timedelta(days=31))
    dispose()
    assert len(left()) == 2
    Generation.objects.filter(id=row.id).update(status=GenerationStatus.CANCELLED, finished_at=timezone.now())
    ChatMessage.objects.filter(id=row.message_id).update(status="cancelled")
    dispose()
    assert left() == set()
    assert not Generation.objects.exists()


def test_it_goes_on_after_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        aged(31)
    done = dispose()
    assert (done.messages, done.sessions) == (5, 5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["age", "its owner"])
def test_nothing_of_it_is_found_any_more(by: str, settings: Any) -> None:
    """Neither by a search nor in the database's own files, where nothing is deleted by age neither."""
    old = aged(31)
    if by == "its owner":
        settings.RETENTION_DAYS = settings.UNDO_SECONDS = 0
        delete_message(user=old.session.owner, message_id=old.id)
    dispose()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT count(*) FROM chat_chatmessage WHERE search @@ 'xylophone'::tsquery")
            assert cursor.fetchone()[0] == 0
            return
        cursor.execute("SELECT count(*) FROM chat_message_search WHERE content MATCH 'xylophone'")
        assert cursor.fetchone()[0] == 0
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("", "-wal"):
        path = Path(f"{connection.settings_dict['NAME']}{suffix}")
        assert not path.exists() or b"xylophone" not in path.read_bytes()


@pytest.mark.parametrize("held", ["owner", "session", "author"])
def test_a_hold_keeps_it_from_everybody(held: str) -> None:
    owner, author = make_user(), make_user()
    message = aged(400, owner=owner)
    ChatMessage.objects.filter(id=message.id).update(author=author)
    if held == "session":
        hold = place_hold(session=message.session, reason="court")
    else:
        hold = place_hold(user=owner if held == "owner" else author, reason="court")
    dispose()
    assert left() == {message.id}
    with pytest.raises(Conflict, match="legal reasons"):
        delete_session(user=owner, session_id=message.session_id)
    with pytest.raises(Conflict, match="legal reasons"):
        clear_session(user=owner, session_id=message.session_id)
    with pytest.raises(Conflict, match="legal reasons"):
        delete_message(user=owner, message_id=message.id)
    for person in (owner, author):
        with pytest.raises(Conflict, match="legal reasons"):
            delete_account(user=person)
    assert User.objects.count() == 2
    lift_hold(hold_id=hold.id)
    dispose()
    assert left() == set()
    acts = list(AuditEntry.objects.order_by("number").values_list("action", flat=True))
    assert acts == ["hold.placed", "hold.lifted", "retention.disposed"]


def test_a_hold_keeps_words_and_files_as_they_are(files_dir: Path) -> None:
    message = aged(1)
    owner = message.session.owner
    file = keep_file(user=owner, purpose="user_data", file=ContentFile(b"s"), filename="f")
    Attachment.objects.create(session=message.session, message=message, file=file, kind="text", text="s")
    hold = place_hold(session=message.session, reason="court")
    change: dict[str, Any] = {"user": owner, "message_id": message.id}
    with pytest.raises(Conflict, match="cannot be changed"):
        change_message(**change, changes={"content": "nothing"})
    with pytest.raises(Conflict, match="cannot be changed"):
        change_message(**change, changes={"content": "", "error_message": ""}, scopes=frozenset({SERVICE}))
    assert change_message(**change, changes={"content": "xylophone and more"}).content.endswith("more")
    with pytest.raises(Conflict, match="This file must be kept"):
        delete_file(user=owner, file_id=file.id)
    lift_hold(hold_id=hold.id)
    delete_file(user=owner, file_id=file.id)
    assert change_message(**change, changes={"content": "nothing"}).content == "nothing"


def closed(days: int, **fields: Any) -> Case:
    """A case decided so many days ago, with a report's and an appeal's words."""
    then = timezone.now() - timedelta(days=days)
    case = make_case(decision=Decision.HIDE, status=CaseStatus.DECIDED, decided_at=then, **fields)
    Report.objects.create(case=case, kind="spam", words="xylophone")
    Appeal.objects.create(case=case, words="xylophone", status=AppealStatus.UPHELD, decided_at=then)
    return case


def words_of(case: Case) -> list[bool]:
    case = Case.objects.get(id=case.id)
    report = case.reports.get()
    return [bool(words) for words in (case.evidence, report.words, case.appeal.words)]


def test_words_of_closed_cases_go_and_what_was_decided_stays() -> None:
    old, young, asked, undecided = closed(31), closed(29), closed(31), make_case()
    Appeal.objects.filter(case=asked).update(status=AppealStatus.OPEN, decided_at=None)
    Case.objects.filter(id=undecided.id).update(created_at=timezone.now() - timedelta(days=400))
    assert plan_disposal().cases == 1
    assert dispose().cases == 1
    assert [words_of(case) for case in (old, young, asked)] == [[False] * 3, [True] * 3, [True] * 3]
    undecided.refresh_from_db()
    assert undecided.evidence
    assert Case.objects.get(id=old.id).decision == Decision.HIDE
    assert AuditEntry.objects.get(action="retention.disposed").data["cases"] == 1
    assert dispose().cases == 0


def test_words_go_by_the_days_of_the_session_and_by_everybodys_once_it_is_gone(settings: Any) -> None:
    own, lasting, gone = closed(31), closed(31), closed(31, session=None)
    ChatSession.objects.filter(cases=own).update(retention_days=7)
    ChatSession.objects.filter(cases=lasting).update(retention_days=365)
    settings.RETENTION_DAYS = 0
    dispose()
    assert [any(words_of(case)) for case in (own, lasting, gone)] == [False, True, True]
    settings.RETENTION_DAYS = 30
    dispose()
    assert [any(words_of(case)) for case in (own, lasting, gone)] == [False, True, False]


@pytest.mark.parametrize("held", ["subject", "session", "reporter"])
def test_a_hold_keeps_the_words_of_a_case(held: str) -> None:
    people = {"subject": make_user(), "reporter": make_user()}
    case = closed(400, subject=people["subject"])
    case.reports.update(reporter=people["reporter"])
    place_hold(reason="court", user=people.get(held), session=None if held in people else case.session)
    dispose()
    assert all(words_of(case))


def test_a_hold_needs_a_reason_and_one_subject() -> None:
    user = make_user()
    with pytest.raises(InvalidRequest, match="why"):
        place_hold(user=user, reason=" ")
    with pytest.raises(InvalidRequest, match="a user or a session"):
        place_hold(reason="court")
    with pytest.raises(NotFound):
        lift_hold(hold_id=user.id)


def test_from_the_shell() -> None:
    aged(31)
    user = make_user(username="ada")
    out = StringIO()
    call_command("retention", "--dry-run", stdout=out)
    assert WOULD_DELETE in out.getvalue()
    assert len(left()) == 1
    call_command("legal_hold", "place", "--user", "ada", "--reason", "court", stdout=out)
    call_command("legal_hold", "list", stdout=out)
    assert f"hold on user {user.id}" in out.getvalue()
    call_command("legal_hold", "lift", str(LegalHold.objects.get().id), stdout=out)
    call_command("retention", stdout=out)
    assert "Deleted 1 messages" in out.getvalue()
    for whose, what in (("--user", "nobody"), ("--session", str(user.id))):
        with pytest.raises(CommandError, match=f"There is no .* {what}"):
            call_command("legal_hold", "place", whose, what, "--reason", "court")
