"""The second half of a turn: the empty reply, its generation, and telling the session about them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from chat.log_context import logged_as
from chat.models import ChatMessage, ChatSession, Generation, MessageStatus, Role, User
from chat.queue import enqueue_generation
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate
from chat.selectors.generations import next_event, queued_events
from chat.selectors.prepared import Param, PreparedUpdate, insert_rows, params_of, row_of
from chat.selectors.providers import providers_of
from chat.selectors.routing import REMOTE, Seat, choose_among
from chat.selectors.waiting import QueueLoad
from chat.services.admission import admit_turn
from chat.services.planning import LOCAL, ReplyPlan
from chat.services.telling import message_update, tell_session

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A message, its reply and what makes the reply. `created` is False for a retry of an earlier request.

    `updates` and `queued` are what the session was told; a retry tells nobody anything.
    """

    message: ChatMessage
    reply: ChatMessage
    generation: Generation
    created: bool
    updates: tuple[MessageUpdate, ...] = ()
    queued: GenerationQueued | None = None


def queue_reply(
    *,
    plan: ReplyPlan,
    user: User,
    session: ChatSession,
    message: ChatMessage,
    estimated_tokens: int,
    new: list[ChatMessage],
    request_id: str | None = None,
    choice: int = 0,
    metadata: dict[str, Any] | None = None,
    is_stored: bool = True,
    is_told: bool = True,
) -> Turn:
    """Write the empty reply and its generation; once they are committed tell workers, and if `is_told` the
    session.

    `choice` counts the replies of one request to the same message, and `estimated_tokens` the prompt.
    """
    ahead = admit_turn(user=user, model=plan.model, tokens=estimated_tokens, limits=plan.limits)
    route = choose_among(plan.seats, plan.model, session_id=session.id)
    reply = ChatMessage(
        session=session,
        parent=message,
        author=user,
        role=Role.ASSISTANT,
        status=MessageStatus.STREAMING,
        request_id=request_id,
        llm_provider=plan.provider or _answered_at(plan.model, plan.seats),
        llm_model=plan.model,
        metadata=metadata or {},
    )
    insert_rows([reply])
    generation = _make_generation(
        plan,
        reply,
        user=user,
        choice=choice,
        is_stored=is_stored,
        preferred_worker=route.worker,
        estimated_tokens=estimated_tokens,
    )
    written = [*new, reply]
    _grown.run(id=session.id, title=session.title, more=len(written), updated_at=timezone.now())
    turn = Turn(message=message, reply=reply, generation=generation, created=True)
    if is_told:
        turn = replace(
            turn,
            updates=tuple(message_update(row, "new_message") for row in written),
            queued=_place_of(generation, plan.seats, ahead),
        )
    # The hint first: a worker has more to do about it than readers have about the news.
    transaction.on_commit(lambda: enqueue_generation(generation.id, plan.model, route))
    if turn.queued is not None:
        tell_session(session.id, turn.updates, turn.queued)
    return turn


@PreparedUpdate
def _grown() -> tuple[QuerySet[ChatSession], dict[str, Any]]:
    count = F("message_count") + Param("more", ChatSession, "message_count")
    return row_of(ChatSession), {"message_count": count} | params_of(ChatSession, "title", "updated_at")


def _make_generation(plan: ReplyPlan, reply: ChatMessage, **facts: Any) -> Generation:
    generation = Generation(
        session=reply.session,
        message=reply,
        model=plan.model,
        requested_model=plan.wanted if plan.model != plan.wanted else "",
        options=plan.options,
        provider=plan.provider,
        max_running=plan.limits.max_running,
        **facts,
    )
    insert_rows([generation])
    with logged_as(generation_id=generation.id):
        logger.info("generation %s waits for %s", generation.id, plan.model)
    return generation


def _answered_at(model: str, seats: list[Seat]) -> str:
    """Who is written down as the provider until one has answered: only remote models have another."""
    is_ours = any(seat.device != REMOTE for seat in seats)
    return LOCAL if is_ours else next(iter(providers_of(model)), LOCAL)


def _place_of(generation: Generation, seats: list[Seat], ahead: QueueLoad) -> GenerationQueued:
    """Where it stands in the queue; nobody asks the database where nobody waits and a slot is free."""
    if not ahead.same_model and any(seat.free > 0 for seat in seats):
        return next_event(generation)
    (queued,) = queued_events([generation])
    return queued
