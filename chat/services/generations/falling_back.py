"""Use B when A is gone: what waits for a model that nobody offers goes to its fallback."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now

from chat.models import ChatMessage, Generation, GenerationStatus
from chat.queue import enqueue_generation
from chat.selectors.messages import message_rows
from chat.selectors.prepared import Prepared, read_as
from chat.selectors.routing import choose_route, fallback_for
from chat.selectors.workers import offered_models
from chat.services.generations.claiming import MAX_FAULTS
from chat.services.generations.leases import REAPABLE, database_time
from chat.services.generations.releasing import back_in_the_queue
from chat.services.telling import message_update, tell_session

logger = logging.getLogger(__name__)

AT_ONCE = 100
FIELDS = ("id", "attempt", "status", "model", "options", "message_id", "session_id")


def fall_back() -> int:
    """Hand what has waited long enough for a model that no live worker offers to the next one of its chain.

    A reply that has begun goes on with the other model's words. Returns how many were handed over.
    """
    if not _late.rows(settings.FALLBACK_AFTER):
        return 0
    stuck = _stuck.rows(settings.FALLBACK_AFTER, tuple(offered_models()))
    return sum(_hand_over(read_as(Generation, FIELDS, row)) for row in stuck)


@Prepared
def _late(after_s: float) -> QuerySet[Generation, Any]:
    """One that has waited so long, whoever offers its model: mostly there is none."""
    return _waiting(after_s).order_by().values_list("id")[:1]


@Prepared
def _stuck(after_s: float, offered: tuple[str, ...]) -> QuerySet[Generation, Any]:
    return _waiting(after_s).exclude(model__in=offered).values_list(*FIELDS)[:AT_ONCE]


def _waiting(after_s: float) -> QuerySet[Generation]:
    before = database_time(-timedelta(seconds=after_s))
    waits = Q(status=GenerationStatus.QUEUED, waiting_since__lt=before)
    lost = REAPABLE & Q(lease_until__lt=before, faults__lt=MAX_FAULTS)
    return Generation.objects.filter(waits | lost, cancel_requested=False)


def _hand_over(row: Generation) -> bool:
    model = fallback_for(row.model, row.options)
    if model == row.model:
        return False
    same = Generation.objects.filter(id=row.id, attempt=row.attempt, status=row.status, model=row.model)
    with transaction.atomic():
        moved = same.update(
            model=model,
            options=row.options | {"lora": ""},  # an adapter fits one model
            requested_model=Case(When(requested_model="", then=F("model")), default=F("requested_model")),
            faults=F("faults") + int(row.status == GenerationStatus.RUNNING),
            **back_in_the_queue(),
        )
        if moved:
            ChatMessage.objects.filter(id=row.message_id).update(llm_model=model, updated_at=Now())
            tell_session(row.session_id, [message_update(message_rows().get(id=row.message_id), "updated")])
    if moved:
        logger.info("generation %s goes from %s, which is gone, to %s", row.id, row.model, model)
        enqueue_generation(row.id, model, choose_route(model))
    return bool(moved)
