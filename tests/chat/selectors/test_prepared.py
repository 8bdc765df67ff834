"""Queries that are written once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, Generation, Participant, Role
from chat.selectors.prepared import (
    MAX_ROWS,
    Param,
    Prepared,
    PreparedUpdate,
    id_params,
    ids_given,
    insert_rows,
    params_of,
    read_as,
)
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


def counted() -> tuple[Prepared, list[tuple[str, ...]]]:
    """A query for sessions by title, and with what it was built."""
    built: list[tuple[str, ...]] = []

    @Prepared
    def titled(titles: tuple[str, ...]) -> QuerySet[ChatSession, Any]:
        built.append(titles)
        found = ChatSession.objects.filter(title__in=titles).order_by("title")
        return found.values_list("id", "title", "tags", "is_active")

    return titled, built


def test_rows_are_as_the_orm_reads_them() -> None:
    sessions = [make_session(title="a", tags=["x"]), make_session(title="b", is_active=False)]
    titled, _ = counted()
    assert titled.rows(("a", "b")) == [(row.id, row.title, row.tags, row.is_active) for row in sessions]


def test_it_is_built_once_and_asked_each_time() -> None:
    titled, built = counted()
    assert titled.rows(("a",)) == []
    session = make_session(title="a")
    assert [row[0] for row in titled.rows(("a",))] == [session.id]
    assert titled.rows(("c",)) == []
    assert built == [("a",), ("c",)]


def test_among_no_values_there_is_nothing() -> None:
    make_session(title="a")
    titled, built = counted()
    assert (titled.rows(()), titled.rows(())) == ([], [])
    assert built == [()], "which is found out once"


def test_what_a_call_brings_is_no_reason_to_build_it_again() -> None:
    built: list[str] = []

    @Prepared
    def one() -> QuerySet[ChatSession, Any]:
        built.append("one")
        return ChatSession.objects.filter(id=Param("id", ChatSession, "id")).values_list("title")

    sessions = [make_session(title="a"), make_session(title="b")]
    assert [one.rows(id=session.id) for session in sessions] == [[("a",)], [("b",)]]
    assert built == ["one"]


def test_an_update_is_built_once_and_tells_how_many_rows_it_changed() -> None:
    built: list[bool] = []

    @PreparedUpdate
    def change(is_active: bool) -> tuple[QuerySet[ChatSession], dict[str, Any]]:
        built.append(is_active)
        rows = ChatSession.objects.filter(id=Param("id", ChatSession, "id"), is_active=is_active)
        changes = {"message_count": F("message_count") + 1}
        return rows, changes | params_of(ChatSession, "title", "tags", "updated_at")

    sessions = [make_session(), make_session()]
    moment = timezone.now() - timedelta(days=1)
    for number, session in enumerate(sessions):
        values = {"title": f"{number} %s", "tags": [number], "updated_at": moment}
        assert change.run(True, id=session.id, **values) == 1
        assert change.run(False, id=session.id, **values) == 0
    for number, session in enumerate(sessions):
        session.refresh_from_db()
        assert (session.title, session.tags) == (f"{number} %s", [number])
        assert (session.updated_at, session.message_count) == (moment, 1)
    assert built == [True, False]


def test_new_rows_are_as_the_orm_writes_them() -> None:
    session = make_session()
    told: dict[str, Any] = {
        "session": session,
        "author": session.owner,
        "role": Role.USER,
        "metadata": {"a": 1},
    }
    by_orm = ChatMessage.objects.create(content="%s", **told)
    row = ChatMessage(content="%s", **told)
    insert_rows([row])
    assert not row._state.adding
    rows = ChatMessage.objects.values()
    written, expected = (dict(rows.get(id=each.id)) for each in (row, by_orm))
    different = {name for name in written if written[name] != expected[name]}
    assert different == {"id", "created_at", "updated_at"}
    assert (row.created_at, row.updated_at) == (written["created_at"], written["updated_at"])


def test_what_the_database_chooses_is_read_when_it_is_wanted() -> None:
    reply = make_generation().message
    row = Generation(session=reply.session, message=reply, user=reply.session.owner, model="m", choice=1)
    insert_rows([row])
    assert row.waiting_since == Generation.objects.get(id=row.id).waiting_since
    assert abs(row.waiting_since - row.created_at) < timedelta(minutes=1)


def test_a_number_as_id_is_the_databases_choice() -> None:
    sessions = [make_session(), make_session()]
    Participant.objects.all().delete()
    insert_rows([Participant(session=each, user=each.owner) for each in sessions])
    rows = Participant.objects.order_by("id")
    assert [row.session_id for row in rows] == [each.id for each in sessions]


def test_more_rows_than_a_statement_takes_are_all_written() -> None:
    session = make_session()
    insert_rows(
        [ChatMessage(session=session, role=Role.USER, content=str(n)) for n in range(2 * MAX_ROWS + 1)]
    )
    found = ChatMessage.objects.filter(session=session).values_list("content", flat=True)
    assert sorted(map(int, found)) == list(range(2 * MAX_ROWS + 1))


def test_rows_that_break_a_rule_of_the_database_are_refused() -> None:
    session = make_session()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows([ChatMessage(session=session, role="nobody")])
    assert not ChatMessage.objects.filter(session=session).exists()


def test_one_statement_serves_any_ids_of_their_number() -> None:
    built: list[int] = []

    @Prepared
    def some(count: int) -> QuerySet[ChatSession, Any]:
        built.append(count)
        found = ChatSession.objects.filter(id__in=id_params(ChatSession, count))
        return found.order_by("title").values_list("title")

    ids = [make_session(title=title).id for title in "abc"]
    assert some.rows(2, **ids_given(ids[:2])) == [("a",), ("b",)]
    assert some.rows(2, **ids_given(ids[1:])) == [("b",), ("c",)]
    assert some.rows(3, **ids_given(ids)) == [("a",), ("b",), ("c",)]
    assert built == [2, 3]


def test_sealed_fields_are_sealed_and_nothing_stays_nothing(settings: Any) -> None:
    settings.CONTENT_KEYS = [bytes(range(32))]
    row = make_generation().message

    @PreparedUpdate
    def write() -> tuple[QuerySet[ChatMessage], dict[str, Any]]:
        rows = ChatMessage.objects.filter(id=Param("id", ChatMessage, "id"))
        return rows, params_of(ChatMessage, "content", "error_reason", "confidence")

    write.run(id=row.id, content="secret", error_reason=None, confidence=0.5)
    row.refresh_from_db()
    assert (row.content, row.error_reason, row.confidence) == ("secret", None, 0.5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM chat_chatmessage WHERE error_reason IS NULL AND confidence = 0.5")
        ((stored,),) = cursor.fetchall()
    assert stored.startswith("sealed:")


def test_values_become_a_row_whatever_their_order() -> None:
    session = make_session(title="a")
    row = read_as(ChatSession, ("title", "owner_id", "id"), ("a", session.owner_id, session.id))
    assert (row.id, row.title, row.owner_id) == (session.id, "a", session.owner_id)
    assert row.tags == session.tags, "what is missing is read when it is wanted"
