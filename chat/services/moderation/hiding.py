"""Taking a message out of everybody's sight, and giving it back."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from chat.models import ACTIVE, ChatMessage, ChatSession, Decision, Generation, GenerationChunk
from chat.selectors.messages import message_rows
from chat.services.describing import first_words, tell_title
from chat.services.errors import ReplyInProgress
from chat.services.generations import request_cancel
from chat.services.messages import erase_message
from chat.services.telling import message_update, tell_session

HIDING = (Decision.HIDE, Decision.STRIKE, Decision.SUSPEND, Decision.BAN)
"""A strike and worse say that the message must go, too."""


def hide_message(*, message_id: UUID) -> None:
    """Show a placeholder instead, everywhere. The text stays for the moderators of an appeal.

    Within a transaction, like the other two. Raises `ReplyInProgress`.
    """
    message = _lock(message_id)
    if message is None or message.is_hidden:
        return
    if Generation.objects.filter(message=message, status__in=ACTIVE).exists():
        raise ReplyInProgress("The reply is still being written: stop it first.")
    # A reader who asks for its chunks gets the message, as after their purge.
    GenerationChunk.objects.filter(generation__message=message).delete()
    message.hidden_at = timezone.now()
    message.save(update_fields=["hidden_at", "updated_at"])
    _forget_descriptions(message)
    _tell(message)


def unhide_message(*, message_id: UUID) -> None:
    """Show it again, if it is still there."""
    message = _lock(message_id)
    if message is None or not message.is_hidden:
        return
    message.hidden_at = None
    message.save(update_fields=["hidden_at", "updated_at"])
    _tell(message)


def remove_message(*, message_id: UUID) -> None:
    """Delete it for good, if it is still there."""
    message = _lock(message_id)
    if message is None:
        return
    active = Generation.objects.filter(message=message, status__in=ACTIVE)
    for generation_id in list(active.values_list("id", flat=True)):
        request_cancel(generation_id=generation_id)
    erase_message(message)


def _lock(message_id: UUID) -> ChatMessage | None:
    ChatSession.objects.select_for_update().filter(messages=message_id).first()
    return message_rows().filter(id=message_id).first()


def _forget_descriptions(message: ChatMessage) -> None:
    """A session's title may be the message's first words, and its summary may repeat the rest."""
    session = ChatSession.objects.filter(id=message.session_id)
    session.update(summary="", summarised_messages=0)
    if session.values_list("title", flat=True).first() == first_words(message.content):
        session.update(title="")
        tell_title(message.session_id, "")


def _tell(message: ChatMessage) -> None:
    ChatSession.objects.filter(id=message.session_id).update(updated_at=timezone.now())
    tell_session(message.session_id, [message_update(message, "updated")])
