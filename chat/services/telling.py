"""Telling a session what has changed in it, once that is committed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from django.db import transaction

from chat.models import ChatMessage
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate, ParticipantUpdate
from chat.realtime.publisher import publish
from chat.selectors.messages import message_view


def tell_session(
    session_id: UUID, updates: Iterable[MessageUpdate | ParticipantUpdate], *queued: GenerationQueued
) -> None:
    """Ring for everybody in it, after the commit."""
    doorbell = Doorbell(events=[*updates, *queued])
    transaction.on_commit(lambda: publish(session_group(session_id), doorbell))


def message_update(
    message: ChatMessage, action: Literal["new_message", "updated", "deleted"]
) -> MessageUpdate:
    """The frame that tells of a message."""
    return MessageUpdate(session_id=str(message.session_id), action=action, message=message_view(message))
