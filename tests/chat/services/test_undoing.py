"""Deletions that are taken back, and those that are not."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from chat.models import (
    Attachment,
    Case,
    CaseSource,
    ChatMessage,
    ChatSession,
    Decision,
    Deletion,
    Generation,
    GenerationChunk,
    MessageReaction,
    Participant,
    ParticipantRole,
    Role,
    SharedLink,
    StoredFile,
    User,
)
from chat.selectors.search import Filters, search_messages
from chat.services import keeping
from chat.services.accounts import create_user, delete_account
from chat.services.errors import Conflict, NotFound
from chat.services.files import purge_files, store_file
from chat.services.holds import place_hold
from chat.services.messages import clear_session, delete_message
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.reactions import add_reaction
from chat.services.sessions import delete_session
from chat.services.share_links import share_session
from chat.services.undoing import _dispose, purge_deletions, undo_deletion
from tests.support.factories import make_case, make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = (
    ChatSession,
    ChatMessage,
    Generation,
    GenerationChunk,
    Participant,
    MessageReaction,
    Attachment,
    StoredFile,
    SharedLink,
)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("sessions", "telling"):
        monkeypatch.setattr(f"chat.services.{place}.publish", lambda group, doorbell: None)


@pytest.fixture
def session() -> ChatSession:
    """One with something of everything that hangs from it."""
    session = make_session(title="Boats")
    reply = make_generation(session, content="What floats?").message
    followed = make_message(session, "Wood does.", parent=reply)
    Participant.objects.create(session=session, user=make_user(), role=ParticipantRole.MEMBER)
    add_reaction(user=session.owner, message_id=followed.id, emoji="👍")
    file = store_file(user=session.owner, purpose="user_data", file=ContentFile(b"x"), filename="x.txt")
    Attachment.objects.create(session=session, message=followed, file=file, kind="text", text="x")
    Generation.objects.update(status="succeeded", finished_at=timezone.now(), prompt_ids=b"\1\2")
    GenerationChunk.objects.create(generation=reply.generations.get(), seq=0, attempt=1, text="Much.")
    ChatMessage.objects.filter(id=reply.id).update(status="complete", content="Much.")
    share_session(user=session.owner, session_id=session.id)
    old = timezone.now() - timedelta(days=3)
    ChatMessage.objects.update(created_at=old)
    ChatSession.objects.update(message_count=3)
    return session


def rows() -> dict[str, list[dict[str, Any]]]:
    """Everything, without when it changed last."""
    found: dict[str, list[dict[str, Any]]] = {}
    for model in KEPT:
        found[model.__name__] = [
            {name: _plain(value) for name, value in dict(row).items() if name != "updated_at"}
            for row in model._base_manager.order_by("pk").values()
        ]
    return found


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def take_back(deletion: Deletion | None, user: User) -> None:
    assert deletion is not None
    undo_deletion(user=user, deletion_id=deletion.id)
    assert not Deletion.objects.exists()


def found(session: ChatSession) -> int:
    return search_messages(user=session.owner, query="wood", filters=Filters()).total_count


def test_a_session_is_back_as_it_was(session: ChatSession) -> None:
    before = rows()
    deletion = delete_session(user=session.owner, session_id=session.id)
    assert not any(rows().values())
    assert found(session) == 0
    take_back(deletion, session.owner)
    assert rows() == before
    assert found(session) == 1
    assert default_storage.exists(str(StoredFile.objects.get().content.name))


def test_all_messages_are_back_as_they_were(session: ChatSession) -> None:
    before = rows()
    count, deletion = clear_session(user=session.owner, session_id=session.id)
    assert count == 3
    assert ChatSession.objects.get().message_count == 0
    take_back(deletion, session.owner)
    assert rows() == before


def test_a_message_is_back_between_its_neighbours(session: ChatSession) -> None:
    before = rows()
    reply = ChatMessage.objects.get(role=Role.ASSISTANT)
    case = Case.objects.create(
        session=session, message=reply, subject=session.owner, source=CaseSource.REPORT
    )
    deletion = delete_message(user=session.owner, message_id=reply.id)
    case.refresh_from_db()
    assert case.message_id is None
    take_back(deletion, session.owner)
    assert rows() == before
    case.refresh_from_db()
    assert case.message_id == reply.id


@pytest.mark.parametrize("decision", [Decision.HIDE, Decision.STRIKE, Decision.DELETE])
@pytest.mark.parametrize("is_all", [False, True])
def test_what_a_moderator_took_out_meanwhile_stays_out(
    session: ChatSession, decision: Decision, is_all: bool
) -> None:
    reply = ChatMessage.objects.get(role=Role.ASSISTANT)
    case = make_case(reply)
    if is_all:
        deletion = delete_session(user=session.owner, session_id=session.id)
    else:
        deletion = delete_message(user=session.owner, message_id=reply.id)
    judge = create_user(username="judge", password="secret", role="moderator")
    decide_case(actor=judge, case_id=case.id, version=1, verdict=Verdict(decision=decision))
    with pytest.raises(Conflict):
        take_back(deletion, session.owner)
    assert not ChatMessage.objects.filter(id=reply.id).exists()


def test_what_a_moderator_dismissed_or_decided_before_comes_back(session: ChatSession) -> None:
    reply, last, _ = ChatMessage.objects.order_by("role", "content")
    case, earlier = make_case(reply), make_case(last)
    judge = create_user(username="judge", password="secret", role="moderator")
    decide_case(actor=judge, case_id=earlier.id, version=1, verdict=Verdict(decision=Decision.HIDE))
    deletion = delete_session(user=session.owner, session_id=session.id)
    decide_case(actor=judge, case_id=case.id, version=1, verdict=Verdict(decision=Decision.DISMISS))
    take_back(deletion, session.owner)
    assert set(ChatMessage.objects.exclude(hidden_at=None)) == {last}


def test_of_what_came_in_between_nothing_is_lost(session: ChatSession) -> None:
    reply, _, last = ChatMessage.objects.order_by("role", "content")
    deletion = delete_message(user=session.owner, message_id=last.id)
    delete_message(user=session.owner, message_id=reply.id)
    make_message(session, "New")
    assert deletion is not None
    undo_deletion(user=session.owner, deletion_id=deletion.id)
    last.refresh_from_db()
    assert (last.parent_id, ChatSession.objects.get().message_count) == (None, 3)


def test_only_who_deleted_may_take_it_back_and_only_for_a_while(session: ChatSession) -> None:
    deletion = delete_session(user=session.owner, session_id=session.id)
    assert deletion is not None
    with pytest.raises(NotFound):
        undo_deletion(user=make_user(), deletion_id=deletion.id)
    assert purge_deletions() == 0
    Deletion.objects.update(until=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        undo_deletion(user=session.owner, deletion_id=deletion.id)
    [name] = deletion.files
    assert default_storage.exists(name)
    assert purge_deletions() == 1
    assert not Deletion.objects.exists()
    assert not default_storage.exists(name)


def test_a_message_does_not_come_back_without_its_session(session: ChatSession) -> None:
    deletion = delete_message(user=session.owner, message_id=ChatMessage.objects.first().id)  # type: ignore[union-attr]
    delete_session(user=session.owner, session_id=session.id)
    assert deletion is not None
    with pytest.raises(NotFound), transaction.atomic():
        undo_deletion(user=session.owner, deletion_id=deletion.id)
    assert not ChatMessage.objects.exists()


def test_nothing_is_kept_of_somebody_who_is_erased(session: ChatSession) -> None:
    guest = make_user()
    ChatMessage.objects.filter(role=Role.USER).update(author=guest)
    delete_session(user=session.owner, session_id=session.id)
    delete_account(user=guest)
    assert not Deletion.objects.exists()


def test_a_hold_keeps_what_was_just_deleted(session: ChatSession) -> None:
    delete_session(user=session.owner, session_id=session.id)
    place_hold(reason="a case", user=session.owner)
    Deletion.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert purge_deletions() == 0


def test_where_nothing_is_taken_back_nothing_is_kept(session: ChatSession, settings: Any) -> None:
    settings.UNDO_SECONDS = 0
    assert delete_session(user=session.owner, session_id=session.id) is None
    assert not Deletion.objects.exists()


def test_what_is_too_large_cannot_be_taken_back(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = [str(file.content.name) for file in StoredFile.objects.all()]
    rows_alone = keeping.ROW_BYTES * sum(map(len, rows().values()))
    monkeypatch.setattr(keeping, "MOST_BYTES", rows_alone + 10_000)
    Attachment.objects.update(text="x" * 10_000)
    assert delete_session(user=session.owner, session_id=session.id) is None
    assert not Deletion.objects.exists()
    assert not default_storage.exists(path)


def test_what_is_not_too_large_can(session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_alone = keeping.ROW_BYTES * sum(map(len, rows().values()))
    monkeypatch.setattr(keeping, "MOST_BYTES", rows_alone + 10_000)
    GenerationChunk.objects.all().delete()
    Generation.objects.update(prompt_ids=bytes(12_000))
    take_back(delete_session(user=session.owner, session_id=session.id), session.owner)
    assert Generation.objects.get().prompt_ids is None, "without its chunks nobody reads it"


def test_a_message_comes_back_in_its_place_although_the_one_before_is_gone_too() -> None:
    session = make_session()
    thread: list[ChatMessage] = []
    for number in range(4):
        thread.append(make_message(session, str(number), parent=thread[-1] if thread else None))
    first, second, third, fourth = thread
    deletion = delete_message(user=session.owner, message_id=third.id)
    delete_message(user=session.owner, message_id=second.id)
    assert deletion is not None
    undo_deletion(user=session.owner, deletion_id=deletion.id)
    parents = dict(ChatMessage.objects.values_list("id", "parent"))
    assert parents == {first.id: None, third.id: first.id, fourth.id: third.id}


def test_what_was_taken_back_meanwhile_keeps_its_files(session: ChatSession) -> None:
    deletion = delete_session(user=session.owner, session_id=session.id)
    take_back(deletion, session.owner)
    assert deletion is not None
    _dispose(deletion)
    assert default_storage.exists(str(StoredFile.objects.get().content.name))


@pytest.mark.parametrize("is_deleted", [False, True], ids=["deleted meanwhile", "taken back meanwhile"])
def test_a_sweep_takes_no_file_that_may_be_needed(
    is_deleted: bool, files_dir: Path, session: ChatSession
) -> None:
    path = files_dir / str(StoredFile.objects.get().content.name)
    os.utime(path, (0, 0))

    def delete() -> Deletion | None:
        return delete_session(user=session.owner, session_id=session.id)

    deletion = delete() if is_deleted else None
    between = Between(lambda: take_back(deletion, session.owner) if is_deleted else delete())
    with connection.execute_wrapper(between):
        assert purge_files() == 0
    assert between.is_done
    assert path.exists()


class Between:
    """Does something once, between the first and the second of a sweep's queries."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.is_done = False
        self._act = act
        self._seen = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        is_sweeps = '"files"' in sql or '"content" IN' in sql
        self._seen += is_sweeps
        if self._seen == 2 and not self.is_done:
            self.is_done = True
            self._act()
        return execute(sql, params, many, context)
