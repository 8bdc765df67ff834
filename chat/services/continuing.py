"""Going on with a reply that ended too early: another generation, whose first chunk is what is written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from chat.models import (
    ChatMessage,
    ChatSession,
    Generation,
    GenerationChunk,
    MessageStatus,
    Role,
    User,
)
from chat.queue import enqueue_generation
from chat.selectors.generations import queued_events
from chat.selectors.limits import limits_of
from chat.selectors.messages import message_rows
from chat.selectors.routing import choose_route
from chat.services.access import lock_writable
from chat.services.admission import admit_turn
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound, ReplyInProgress
from chat.services.limits import require_model
from chat.services.replies import Turn
from chat.services.telling import message_update, tell_session
from chat.services.text import require_storable

ENDED_EARLY = frozenset({"length", "timeout", "cancelled", "error"})
MOST_TOKENS = 1_000_000


def continue_reply(*, user: User, session_id: UUID, message_id: UUID, request_id: str | None = None) -> Turn:
    """Let the model that wrote a reply write on, for as long as it was allowed to at first.

    While the chunks are kept it goes on from its own tokens, as a later attempt would; after that the prompt
    is made again and the text tokenised. The same `request_id` gives the same turn again.
    """
    require_storable(request_id, field="request_id", error=InvalidRequest)
    with transaction.atomic():
        session = lock_writable(user=user, session_id=session_id)
        reply = message_rows().select_related("parent").filter(id=message_id, session=session).first()
        if reply is None or reply.role != Role.ASSISTANT:
            raise NotFound("There is no such reply in this session.", field="message_id")
        again = reply.generations.filter(request_id=request_id).first() if request_id else None
        if again is not None:
            return _turn(reply, again, created=False)
        last = _require_unfinished(reply)
        require_model(user, last.model)
        tokens = last.prompt_tokens + last.completion_tokens
        admit_turn(user=user, model=last.model, tokens=tokens, limits=limits_of(user))
        return _go_on(session, reply, last, user=user, request_id=request_id or "")


def _require_unfinished(reply: ChatMessage) -> Generation:
    last = reply.generations.order_by("created_at").last()
    if reply.status == MessageStatus.STREAMING or (last is not None and last.is_active):
        raise ReplyInProgress("The reply is still being written: wait for its end, or stop it first.")
    if last is not None and (last.kill_reason or reply.is_hidden):
        raise Forbidden("A moderator stopped or hid this reply: it does not go on.", field="message_id")
    if last is None or not reply.content or reply.finish_reason not in ENDED_EARLY:
        message = "There is nothing to go on with: this reply is finished, or never began."
        raise Conflict(message, field="message_id", code="already_ended")
    return last


def _go_on(
    session: ChatSession, reply: ChatMessage, last: Generation, *, user: User, request_id: str
) -> Turn:
    route = choose_route(last.model, session_id=session.id)
    token_ids = _kept_ids(reply, last)
    allowed = last.options["max_tokens"] - last.kept_tokens + last.completion_tokens
    generation = Generation.objects.create(
        session=session,
        message=reply,
        choice=last.choice,
        user=user,
        model=last.model,
        requested_model=last.requested_model,
        provider=last.provider,
        preferred_worker=route.worker,
        attempt=1,  # whose chunk is what was written; the claim makes the second
        kept_tokens=last.completion_tokens,
        request_id=request_id,
        estimated_tokens=last.prompt_tokens + last.completion_tokens,
        options=last.options | {"max_tokens": min(allowed, MOST_TOKENS)},
        **(_frozen(last) if token_ids else {}),
    )
    GenerationChunk.objects.create(
        generation=generation, seq=0, attempt=1, text=reply.content, token_ids=token_ids
    )
    reply.status, reply.finish_reason = MessageStatus.STREAMING, ""
    reply.error_message, reply.error_reason = "", None
    reply.save(update_fields=["status", "finish_reason", "error_message", "error_reason", "updated_at"])
    turn = _turn(reply, generation, created=True)
    transaction.on_commit(lambda: enqueue_generation(generation.id, generation.model, route))
    if turn.queued is not None:
        tell_session(session.id, list(turn.updates), turn.queued)
    return turn


def _kept_ids(reply: ChatMessage, last: Generation) -> bytes:
    """The reply's tokens, if they are still there and say what it says."""
    chunks = list(last.chunks.order_by("seq").values_list("text", "token_ids"))
    if "".join(text for text, _ in chunks) != reply.content:
        return b""
    return b"".join(bytes(ids) for _, ids in chunks)


def _frozen(last: Generation) -> dict[str, Any]:
    names = ("prompt_ids", "model_digest", "prompt_tokens", "dropped", "context_length")
    return {name: getattr(last, name) for name in names}


def _turn(reply: ChatMessage, generation: Generation, *, created: bool) -> Turn:
    (queued,) = queued_events([generation]) if created else (None,)
    return Turn(
        message=reply.parent or reply,
        reply=reply,
        generation=generation,
        created=created,
        updates=(message_update(reply, "updated"),) if created else (),
        queued=queued,
    )
