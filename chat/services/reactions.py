"""Emoji on messages."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, MessageReaction, User
from chat.services.access import find_readable
from chat.services.errors import InvalidRequest
from chat.services.telling import message_update, tell_session

MAX_EMOJI_CHARS = 32
MAX_KINDS = 50
# Symbols, their modifiers and selectors, the joiner, tags and private flags; never letters or spaces.
EMOJI_CATEGORIES = {"So", "Sk", "Sm", "Mn", "Me", "Cf", "Po", "Nd"}
PICTOGRAPHS = {chr(code) for code in range(0x1F000, 0x1FC00)}  # also those newer than Python's tables


def add_reaction(*, user: User, message_id: UUID, emoji: str) -> ChatMessage:
    """React once with an emoji; again changes nothing. Everybody who reads a session may."""
    return _react(user, message_id, emoji, is_wanted=True)


def remove_reaction(*, user: User, message_id: UUID, emoji: str) -> ChatMessage:
    """Take one's own reaction back; without one nothing changes."""
    return _react(user, message_id, emoji, is_wanted=False)


def _react(user: User, message_id: UUID, emoji: str, *, is_wanted: bool) -> ChatMessage:
    _require_emoji(emoji)
    with transaction.atomic():
        message = find_readable(user=user, message_id=message_id)
        ChatMessage.objects.select_for_update().get(id=message_id)  # reactions of one message take turns
        if is_wanted:
            _, changed = MessageReaction.objects.get_or_create(message=message, user=user, emoji=emoji)
        else:
            mine = MessageReaction.objects.filter(message=message, user=user, emoji=emoji)
            changed = bool(mine.delete()[0])
        if changed:
            _note(message)
    return message


def _note(message: ChatMessage) -> None:
    people: dict[str, list[str]] = {}
    rows = MessageReaction.objects.filter(message=message).order_by("emoji", "created_at", "id")
    for emoji, user_id in rows.values_list("emoji", "user_id"):
        people.setdefault(emoji, []).append(str(user_id))
    message.reactions = people
    if len(message.reactions) > MAX_KINDS:
        raise InvalidRequest(
            "A message has at most %(most)s different reactions.", field="emoji", values={"most": MAX_KINDS}
        )
    message.save(update_fields=["reactions", "updated_at"])
    ChatSession.objects.filter(id=message.session_id).update(updated_at=timezone.now())
    tell_session(message.session_id, [message_update(message, "updated")])


def _require_emoji(emoji: str) -> None:
    is_plain = all(char.isascii() for char in emoji)
    known = all(unicodedata.category(char) in EMOJI_CATEGORIES or char in PICTOGRAPHS for char in emoji)
    if not 1 <= len(emoji) <= MAX_EMOJI_CHARS or is_plain or not known:
        raise InvalidRequest("emoji must be an emoji.", field="emoji")
