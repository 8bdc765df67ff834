"""Replies in the making: looked at, followed, stopped."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.document import EVENTS, documented
from chat.api.replies import reply_frames, reply_headers, until_expired
from chat.api.sse import MAX_SEQ, last_event_id, stream_response, while_welcome
from chat.api.v1.schemas import Dropped, Time
from chat.models import Generation, PrivateAccess, User
from chat.selectors.private_access import find_access
from chat.services.access import require_reader, require_writer
from chat.services.errors import NotFound
from chat.services.generations import request_cancel

router = Router(tags=["generations"], auth=LOGGED_IN)


class Usage(Schema):
    """Tokens."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    total_tokens: int
    dropped: Dropped | None


class GenerationProblem(Schema):
    """Why it failed."""

    code: str
    message: str
    retryable: bool


class GenerationOut(Schema):
    """The making of a reply."""

    id: UUID
    session_id: UUID
    message_id: UUID
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    attempt: int
    worker: str | None
    model: str
    requested_model: str | None
    finish_reason: str | None
    usage: Usage
    metrics: dict[str, float | int | None]
    error: GenerationProblem | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None

    @staticmethod
    def of(row: Generation) -> GenerationOut:
        """From its row."""
        problem = GenerationProblem(
            code=row.error_code, message=row.shown_error, retryable=row.error_retryable
        )
        return GenerationOut(
            **{name: getattr(row, name) for name in PLAIN_GENERATION_FIELDS},
            worker=row.worker or None,
            requested_model=row.requested_model or None,
            finish_reason=row.finish_reason or None,
            usage=Usage(
                prompt_tokens=row.prompt_tokens,
                cached_tokens=row.cached_tokens,
                completion_tokens=row.completion_tokens,
                total_tokens=row.prompt_tokens + row.completion_tokens,
                dropped=Dropped(**row.dropped) if row.dropped else None,
            ),
            error=problem if row.error_code else None,
        )


PLAIN_GENERATION_FIELDS = (
    *("id", "session_id", "message_id", "status", "attempt", "model", "metrics"),
    *("created_at", "started_at", "finished_at"),
)


@router.get("generations/{uuid:generation_id}", response=GenerationOut, summary="A generation")
def get_generation(request: HttpRequest, generation_id: UUID) -> Any:
    """Of a session the caller takes part in."""
    return GenerationOut.of(_find(user_of(request), generation_id))


@router.get(
    "generations/{uuid:generation_id}/stream",
    summary="Follow a generation (SSE)",
    openapi_extra=documented(EVENTS),
)
def stream_generation(
    request: HttpRequest, generation_id: UUID, after_seq: Annotated[int, Field(ge=-1, le=MAX_SEQ)] = -1
) -> Any:
    """The events of `live` after chunk `after_seq`, or after `Last-Event-ID`. Closing it stops nothing.

    A moderator who has opened the conversation for a reason may follow it, too, until that expires.
    """
    user = user_of(request)
    access = _find_access(user, generation_id)
    generation = _get(generation_id) if access else _find(user, generation_id)
    frames = reply_frames(generation.id, after_seq=last_event_id(request, after_seq))
    if access is not None:
        frames = until_expired(frames, access.seconds_left)
    return stream_response(while_welcome(user.id, frames), reply_headers(generation))


@router.post("generations/{uuid:generation_id}/cancel", response=GenerationOut, summary="Stop a generation")
def cancel_generation(request: HttpRequest, generation_id: UUID) -> Any:
    """At once when it waits, at its next token when it runs; one that has ended stays as it is."""
    generation = _find(user_of(request), generation_id)
    require_writer(user=user_of(request), session_id=generation.session_id)
    request_cancel(generation_id=generation_id)
    return GenerationOut.of(_find(user_of(request), generation_id))


def _find_access(user: User, generation_id: UUID) -> PrivateAccess | None:
    if not user.is_staff:
        return None
    return find_access(actor=user, session_id=_get(generation_id).session_id)


def _get(generation_id: UUID) -> Generation:
    found = Generation.objects.defer("prompt_ids", "options").filter(id=generation_id).first()
    if found is None:
        raise NotFound("There is no such generation.")
    return found


def _find(user: User, generation_id: UUID) -> Generation:
    found = _get(generation_id)
    try:
        require_reader(user=user, session_id=found.session_id)
    except NotFound:
        raise NotFound("There is no such generation.") from None
    return found
