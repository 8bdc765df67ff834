"""What is hidden is a placeholder wherever messages are read."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from pypdf import PdfReader

from chat.models import (
    HIDDEN_TEXT,
    Attachment,
    ChatMessage,
    ChatSession,
    Generation,
    GenerationChunk,
    MessageStatus,
    Role,
)
from chat.selectors.attachments import find_attachment
from chat.selectors.conversations import conversation_of
from chat.selectors.export import EXPORTS
from chat.selectors.generations import watch_generations
from chat.selectors.input_items import input_items
from chat.selectors.messages import (
    find_message_view,
    list_messages,
    message_rows,
    message_view,
    messages_changed_since,
)
from chat.selectors.search import Filters, search_messages
from chat.services.errors import Forbidden, ReplyInProgress
from chat.services.files import store_file
from chat.services.messages import change_message
from chat.services.moderation.hiding import hide_message, remove_message, unhide_message
from chat.services.turns import edit_message
from tests.support.factories import make_generation, make_message, make_session

pytestmark = pytest.mark.django_db

SECRET = "zanzibar"


@pytest.fixture
def hidden(session: ChatSession) -> ChatMessage:
    return hide(make_message(session, f"The word is {SECRET}"))


def hide(message: ChatMessage) -> ChatMessage:
    with transaction.atomic():
        hide_message(message_id=message.id)
    return message_rows().get(id=message.id)


def ended_reply(session: ChatSession) -> Generation:
    """A reply that said the secret, with its chunk still there."""
    row = make_generation(session)
    GenerationChunk.objects.create(generation=row, seq=0, attempt=1, text=SECRET)
    Generation.objects.filter(id=row.id).update(status="succeeded", finished_at=timezone.now())
    ChatMessage.objects.filter(id=row.message_id).update(content=SECRET, status=MessageStatus.COMPLETE)
    return row


def test_views(hidden: ChatMessage, session: ChatSession) -> None:
    view = message_view(hidden)
    assert (view.content, view.is_hidden, view.is_editable, view.attachments) == (
        HIDDEN_TEXT,
        True,
        False,
        [],
    )
    assert find_message_view(hidden.id) == view
    assert list_messages(session_id=session.id).messages == [view]


def test_shown_again(hidden: ChatMessage) -> None:
    with transaction.atomic():
        unhide_message(message_id=hidden.id)
    view = find_message_view(hidden.id)
    assert view is not None
    assert SECRET in view.content


@pytest.mark.parametrize("form", EXPORTS)
def test_exports(hidden: ChatMessage, session: ChatSession, form: str) -> None:
    file = EXPORTS[form][0](session)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(file)).pages) if form == "pdf" else ""
    said = text or file.decode()
    assert SECRET not in said
    assert "hidden by a moderator" in said


def test_search(hidden: ChatMessage, session: ChatSession) -> None:
    def found() -> int:
        return search_messages(user=session.owner, query=SECRET, filters=Filters()).total_count

    assert found() == 0
    with transaction.atomic():
        unhide_message(message_id=hidden.id)
    assert found() == 1


def test_new_prompts(session: ChatSession) -> None:
    first = ended_reply(session)
    question = make_message(session, "And?", parent=first.message)
    reply = make_message(session, "", role=Role.ASSISTANT, status=MessageStatus.STREAMING, parent=question)
    row = Generation.objects.create(session=session, message=reply, user=session.owner, model="paced")
    assert SECRET in [message.content for message in conversation_of(row)]
    hide(first.message)
    assert [message.content for message in conversation_of(row)] == ["Hello", HIDDEN_TEXT, "And?"]


def test_input_items(hidden: ChatMessage, session: ChatSession) -> None:
    reply = make_message(session, "", role=Role.ASSISTANT, parent=hidden)
    row = Generation.objects.create(session=session, message=reply, user=session.owner, model="paced")
    assert SECRET not in str(input_items(row))


def test_chunks_go(session: ChatSession) -> None:
    row = ended_reply(session)
    hide(row.message)
    assert watch_generations([row.id])[row.id].is_purged


def test_files(session: ChatSession) -> None:
    message = make_message(session)
    file = store_file(user=session.owner, purpose="user_data", file=ContentFile(b"x"), filename="x")
    row = Attachment.objects.create(session=session, message=message, file=file, kind="text", text=SECRET)
    assert find_attachment(user=session.owner, attachment_id=row.id) == row
    hide(message)
    assert find_attachment(user=session.owner, attachment_id=row.id) is None


def test_unsent_files_are_still_there(session: ChatSession) -> None:
    file = store_file(user=session.owner, purpose="user_data", file=ContentFile(b"x"), filename="x")
    row = Attachment.objects.create(session=session, file=file, kind="text", text="x")
    assert find_attachment(user=session.owner, attachment_id=row.id) == row


def test_what_describes_the_session_by_it_goes(session: ChatSession) -> None:
    ChatSession.objects.update(title=f"The word is {SECRET}", summary=f"They said {SECRET}.")
    hide(make_message(session, f"The word is\n{SECRET}"))
    session.refresh_from_db()
    assert (session.title, session.summary) == ("", "")


def test_those_who_were_away_hear_of_it(session: ChatSession) -> None:
    row = ended_reply(session)
    moment = timezone.now() + timedelta(microseconds=1)
    assert messages_changed_since(session.id, moment) == []
    hide(row.message)
    (update,) = messages_changed_since(session.id, moment)
    assert (update.action, update.message.content) == ("updated", HIDDEN_TEXT)


def test_it_cannot_be_edited(hidden: ChatMessage, session: ChatSession) -> None:
    with pytest.raises(Forbidden, match="moderator"):
        edit_message(user=session.owner, session_id=session.id, message_id=hidden.id, content="x")
    session.owner.is_staff = True
    with pytest.raises(Forbidden, match="moderator"):
        change_message(user=session.owner, message_id=hidden.id, changes={"content": "x", "tokens_used": 1})


def test_a_reply_in_the_making_is_stopped_first(session: ChatSession) -> None:
    row = make_generation(session)
    with pytest.raises(ReplyInProgress):
        hide(row.message)


def test_deleting_stops_it(session: ChatSession) -> None:
    row = make_generation(session)
    with transaction.atomic():
        remove_message(message_id=row.message_id)
    assert not Generation.objects.exists()
    assert not ChatMessage.objects.filter(id=row.message_id).exists()


def test_what_is_gone_is_no_fault(session: ChatSession) -> None:
    message = make_message(make_session())
    message_id = message.id
    message.delete()
    with transaction.atomic():
        hide_message(message_id=message_id)
        unhide_message(message_id=message_id)
        remove_message(message_id=message_id)
