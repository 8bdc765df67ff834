from __future__ import annotations

from typing import Any

import pytest

from chat.models import ChatSession, MessageStatus, Role
from chat.selectors.messages import find_message_view, latest_message, list_messages
from tests.support.factories import make_generation, make_message, make_session

pytestmark = pytest.mark.django_db


def test_a_view_says_what_the_row_says() -> None:
    session = make_session()
    question = make_message(session, "Hi")
    reply = make_message(
        session,
        "Hello",
        role=Role.ASSISTANT,
        parent=question,
        llm_model="m",
        finish_reason="stop",
        tokens_used=2,
        metrics={"queue_ms": 1, "ttft_ms": None, "tokens_per_second": 2.5, "response_time_ms": 9},
    )
    view = find_message_view(reply.id)
    assert view is not None
    assert (view.id, view.session_id, view.parent_id) == (str(reply.id), str(session.id), str(question.id))
    assert (view.role, view.content, view.status, view.is_streaming) == (
        "assistant",
        "Hello",
        "complete",
        False,
    )
    assert (view.author_name, view.is_editable) == (session.owner.username, False)
    assert (view.metrics.queue_ms, view.metrics.tokens_per_second) == (1, 2.5)
    assert (view.finish_reason, view.error_message) == ("stop", None)
    assert view.created_at.endswith("Z")


def test_views_of_the_rest() -> None:
    reply = make_generation().message
    view = find_message_view(reply.id)
    assert view is not None
    assert (view.status, view.is_streaming, view.content, view.finish_reason) == ("streaming", True, "", None)
    question = make_message(make_session(), status=MessageStatus.COMPLETE)
    question.author = None
    question.save()
    view = find_message_view(question.id)
    assert view is not None
    assert (view.author_id, view.author_name, view.parent_id, view.is_editable) == (None, None, None, True)
    assert find_message_view(reply.session_id) is None


def fill(session: ChatSession, count: int) -> list[str]:
    return [str(make_message(session, str(number)).id) for number in range(count)]


def test_pages_go_back_in_time_in_one_query_each(django_assert_num_queries: Any) -> None:
    session = make_session()
    ids = fill(session, 5)
    make_message(make_session())
    with django_assert_num_queries(1):
        last = list_messages(session_id=session.id, limit=2)
    assert ([view.id for view in last.messages], last.has_more) == (ids[3:], True)
    before = session.messages.get(id=last.messages[0].id)
    with django_assert_num_queries(1):
        first = list_messages(session_id=session.id, limit=3, before=before)
    assert ([view.id for view in first.messages], first.has_more) == (ids[:3], False)


def test_messages_of_the_same_moment_are_neither_lost_nor_repeated() -> None:
    session = make_session()
    fill(session, 6)
    session.messages.update(created_at=session.created_at)
    seen, before = list[str](), None
    for _ in range(3):
        page = list_messages(session_id=session.id, limit=2, before=before)
        seen = [view.id for view in page.messages] + seen
        before = session.messages.get(id=page.messages[0].id)
    assert seen == [str(row.id) for row in session.messages.order_by("id")]


def test_the_latest() -> None:
    session = make_session()
    assert latest_message(session.id) is None
    ids = fill(session, 3)
    latest = latest_message(session.id)
    assert latest is not None
    assert str(latest.id) == ids[-1]
