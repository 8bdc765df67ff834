"""What the pages show, as data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.urls import reverse

from chat.models import ChatMessage, ChatSession, ParticipantRole, User
from chat.realtime.protocol.views import MessageView
from chat.realtime.wording import message_in_words
from chat.selectors.generations import active_generations
from chat.selectors.messages import list_messages
from chat.selectors.sessions import may_write, participant_role
from chat.selectors.workers import offered_models
from inference.types.sampling import SamplingParams

TRANSCRIPT_MESSAGES = 100
EARLIER_MESSAGES = 30
"""So few that a browser draws them within a tenth of a second."""


class ReplyInProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that is being written; the page resumes it from the start."""

    generation_id: str
    message_id: str


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """A window of a session's messages, oldest first. `earlier_url` is None at the beginning.

    `unserved_models`: what replies in progress wait for without any worker that has loaded it. `can_write`:
    whether who asked for it may write in the session.
    """

    messages: list[MessageView]
    active_generations: list[ReplyInProgress]
    unserved_models: list[str]
    earlier_url: str | None
    can_write: bool


class PageUrls(msgspec.Struct, frozen=True, kw_only=True):
    """Where the page finds the rest."""

    socket: str
    transcript: str
    page: str
    login: str


class ChatPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the chat page embeds; `frontend/src/conversation/page.ts` has its counterpart."""

    session_id: str
    user_id: str
    role: str
    is_latest: bool
    max_upload_bytes: int
    max_tokens: int
    shown: str | None
    transcript: Transcript
    urls: PageUrls


def read_transcript(
    session: ChatSession,
    *,
    role: ParticipantRole | None,
    before: ChatMessage | None = None,
    limit: int = TRANSCRIPT_MESSAGES,
) -> Transcript:
    """The newest messages of a session, or those before one of them, for somebody of a role in it."""
    # Replies first: one that ends in between is then resumed and ends at once, where the other way round
    # its message could look unfinished for ever.
    replies = [] if before else active_generations(session.id)
    page = list_messages(session_id=session.id, limit=limit, before=before)
    url = reverse("transcript", args=[session.id])
    return Transcript(
        messages=[message_in_words(message) for message in page.messages],
        active_generations=[
            ReplyInProgress(generation_id=reply.generation_id, message_id=reply.message_id)
            for reply in replies
        ],
        unserved_models=_unserved_models(page.messages) if replies else [],
        earlier_url=f"{url}?before={page.messages[0].id}" if page.has_more else None,
        can_write=may_write(role),
    )


def _unserved_models(messages: list[MessageView]) -> list[str]:
    awaited = {message.llm_model for message in messages if message.is_streaming and message.llm_model}
    return sorted(awaited - set(offered_models()))


def read_page(
    session: ChatSession, *, user: User, before: ChatMessage | None = None, shown: ChatMessage | None = None
) -> ChatPage:
    """The chat page's data; `shown` is the message to scroll to."""
    page = reverse("session", args=[session.id])
    role = participant_role(user_id=user.id, session_id=session.id)
    return ChatPage(
        session_id=str(session.id),
        user_id=str(user.id),
        role=role or "",
        max_upload_bytes=settings.MAX_UPLOAD_BYTES,
        max_tokens=session.settings.get("max_tokens", SamplingParams().max_tokens),
        is_latest=before is None,
        shown=str(shown.id) if shown else None,
        transcript=read_transcript(session, role=role, before=before),
        urls=PageUrls(
            socket=socket_path(session.id),
            transcript=reverse("transcript", args=[session.id]),
            page=page,
            login=f"{reverse('login')}?next={page}",
        ),
    )


def socket_path(session_id: UUID) -> str:
    """Where a session's socket answers."""
    return f"/api/v1/chat/sessions/{session_id}/websocket"


def as_json(struct: msgspec.Struct) -> dict[str, Any]:
    """The struct as plain JSON types."""
    plain: dict[str, Any] = msgspec.to_builtins(struct)
    return plain
