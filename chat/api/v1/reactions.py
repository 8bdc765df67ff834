"""Reactions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from chat.api.auth import LOGGED_IN, user_of
from chat.api.v1.schemas import MessageOut
from chat.selectors.messages import message_view
from chat.services.reactions import add_reaction, remove_reaction

router = Router(tags=["reactions"], auth=LOGGED_IN)


@router.put("messages/{uuid:message_id}/reactions/{emoji}", response=MessageOut, summary="React")
def put_reaction(request: HttpRequest, message_id: UUID, emoji: str) -> Any:
    """Once per person and emoji. The answer is the message with its counts."""
    return MessageOut.of(
        message_view(add_reaction(user=user_of(request), message_id=message_id, emoji=emoji))
    )


@router.delete(
    "messages/{uuid:message_id}/reactions/{emoji}", response=MessageOut, summary="Take a reaction back"
)
def delete_reaction(request: HttpRequest, message_id: UUID, emoji: str) -> Any:
    """One's own."""
    return MessageOut.of(
        message_view(remove_reaction(user=user_of(request), message_id=message_id, emoji=emoji))
    )
