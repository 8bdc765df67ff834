"""Asking for a reply and waiting for it, whole or as a stream."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from chat.api.auth import ASYNC_LOGGED_IN, LOGGED_IN, user_of
from chat.api.document import EVENTS, documented
from chat.api.errors import fields_named
from chat.api.parsing import TYPED, Id, Name, example
from chat.api.replies import reply_frames, reply_headers, wait_for_end
from chat.api.sse import cancel_when_left, last_event_id, stream_response
from chat.api.v1.schemas import Content, MaxTokens, RequestId, Strict, Temperature
from chat.models import User
from chat.realtime.database import in_database
from chat.realtime.wording import message_in_words
from chat.selectors.messages import find_message_view
from chat.services.errors import InvalidRequest, NotFound
from chat.services.live import start_live
from chat.services.replies import Turn
from chat.services.turns import regenerate_reply, start_turn

router = Router(tags=["replies"], auth=LOGGED_IN)

PROCESS_NAMES = {"llm_provider": "provider", "llm_model": "model_name", "content": "prompt"}
LIVE_NAMES = {"content": "message", "options.system_prompt": "systemPrompt"}
"""What these requests call a turn's fields."""


class ProcessIn(Strict):
    """Answer a message that is there, or a new one."""

    model_config = example(prompt="Why is a raven like a writing desk?", stream=True)

    message_id: Id | None = None
    prompt: Content | None = None
    session_id: Id | None = None
    provider: Annotated[Name, Field(max_length=50)] | None = None
    model_name: Annotated[Name, Field(max_length=100)] | None = None
    stream: bool = False
    max_tokens: MaxTokens | None = None
    temperature: Temperature | None = None
    request_id: RequestId | None = None


class Processed(Schema):
    """The whole reply."""

    message_id: UUID
    session_id: UUID
    response: str
    tokens_used: int
    response_time_ms: int | None
    provider: str
    model: str
    success: bool
    error_message: str | None


class LiveIn(Schema):
    """A message, in a conversation that is there or a new one."""

    model_config = TYPED | example(message="Why is a raven like a writing desk?")

    message: Content
    conversationId: Id | None = None  # noqa: N815  the contract's names
    systemPrompt: Annotated[str, Field(max_length=60_000)] | None = None  # noqa: N815
    maxTokens: MaxTokens | None = None  # noqa: N815
    temperature: Temperature | None = None


@router.post(
    "sessions/{uuid:session_id}/process-llm",
    response=Processed,
    auth=ASYNC_LOGGED_IN,
    summary="Answer a message",
    openapi_extra=documented(EVENTS),
)
async def process_llm(request: HttpRequest, session_id: UUID, body: ProcessIn) -> Any:
    """Waits for the reply, or with `stream` sends the events of `live`. A connection that closes stops
    nothing: the reply is stored, and `generations/{id}/stream` follows it.
    """
    with fields_named(PROCESS_NAMES):
        turn = await in_database(_start)(user_of(request), session_id, body)
    if body.stream:
        frames = reply_frames(turn.generation.id, after_seq=last_event_id(request))
        return stream_response(frames, reply_headers(turn.generation))
    await wait_for_end(turn.generation.id)
    view = await in_database(find_message_view)(turn.reply.id)
    if view is None:
        raise NotFound("The reply was deleted before its end.")
    return Processed(
        message_id=turn.reply.id,
        session_id=session_id,
        response=view.content,
        tokens_used=view.tokens_used,
        response_time_ms=view.response_time_ms,
        provider=view.llm_provider,
        model=view.llm_model,
        success=view.status == "complete",
        error_message=message_in_words(view).error_message,
    )


@router.post("live", summary="Say something and follow the reply (SSE)", openapi_extra=documented(EVENTS))
def live(request: HttpRequest, body: LiveIn) -> Any:
    """`{"type":"token","content","tokenCount"}` …, `{"type":"metadata","tokenCount","finishReason"}`,
    `{"type":"done"}`, or `{"type":"error","error"}`. Closing the connection stops the reply.
    Without `conversationId` it begins a session, whose id is in the header `X-Session-Id`.
    """
    options = {"max_tokens": body.maxTokens, "temperature": body.temperature}
    with fields_named(LIVE_NAMES):
        turn = start_live(
            user=user_of(request),
            content=body.message,
            session_id=body.conversationId,
            system_prompt=body.systemPrompt,
            options={name: value for name, value in options.items() if value is not None},
        )
    frames = cancel_when_left(turn.generation.id, reply_frames(turn.generation.id))
    return stream_response(frames, reply_headers(turn.generation))


def live_alias() -> Router:
    """The same under its other address."""
    alias = Router(tags=["replies"], auth=LOGGED_IN)
    alias.post("live")(live)
    return alias


def _start(user: User, session_id: UUID, body: ProcessIn) -> Turn:
    _check(session_id, body)
    asked: dict[str, Any] = {
        "user": user,
        "session_id": session_id,
        "request_id": body.request_id,
        "model": body.model_name or "",
        "provider": body.provider or "",
        "options": body.dict(include={"max_tokens", "temperature"}, exclude_none=True),
    }
    if body.message_id is not None:
        return regenerate_reply(**asked, message_id=body.message_id)
    return start_turn(**asked, content=body.prompt or "")


def _check(session_id: UUID, body: ProcessIn) -> None:
    if (body.message_id is None) == (body.prompt is None):
        raise InvalidRequest("Give either message_id or prompt.", field="prompt")
    if body.session_id not in (None, session_id):
        raise InvalidRequest("session_id is not the session of the path.", field="session_id")
