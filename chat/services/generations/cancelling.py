"""Stopping a generation: at once where nobody runs it, else by a flag that its worker's next flush reads."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from chat.models import ACTIVE, Generation, GenerationStatus
from chat.realtime.protocol.doorbells import Doorbell, generation_group
from chat.realtime.publisher import publish
from chat.selectors.prepared import Prepared
from chat.services.generations.claiming import MAX_FAULTS
from chat.services.generations.leases import LEASE_EXPIRED, REAPABLE
from chat.services.generations.settling import Outcome, OutcomeError, settle_generation
from inference.counting import guess_tokens

logger = logging.getLogger(__name__)

UNATTENDED = Q(status=GenerationStatus.QUEUED) | LEASE_EXPIRED
ASKED_TO_END = (Q(status=GenerationStatus.QUEUED) | REAPABLE) & Q(cancel_requested=True)
CRASHES = REAPABLE & Q(faults__gte=MAX_FAULTS)

CRASHED = OutcomeError(
    code="attempts_exhausted",
    message="This reply could not be finished: its workers stopped several times. Please try again.",
    retryable=True,
)


def request_cancel(*, generation_id: UUID, reason: str = "") -> bool:
    """Stop a generation. False when it had already ended or does not exist.

    The flag comes first: whatever becomes of the row meanwhile, nobody claims it any more. With a `reason`
    it is a moderator who stops it: the reply fails, and its readers are told why.
    """
    active = Generation.objects.filter(id=generation_id, status__in=ACTIVE)
    if not active.update(cancel_requested=True, **({"kill_reason": reason} if reason else {})):
        return False
    _settle(Q(id=generation_id) & UNATTENDED, Outcome(finish_reason="cancelled"))
    return True


def settle_abandoned() -> int:
    """End what no worker will take: cancelled ones whose worker was lost, and those that fault too often."""
    if not _abandoned.rows():
        return 0
    cancelled = _settle(ASKED_TO_END, Outcome(finish_reason="cancelled"))
    crashed = _settle(CRASHES, Outcome(finish_reason="error", error=CRASHED))
    return cancelled + crashed


@Prepared
def _abandoned() -> QuerySet[Generation, Any]:
    """One of them: mostly there is none."""
    return Generation.objects.filter(ASKED_TO_END | CRASHES).order_by().values_list("id")[:1]


def _settle(condition: Q, outcome: Outcome) -> int:
    ended = 0
    for generation_id in list(Generation.objects.filter(condition).values_list("id", flat=True)[:100]):
        with transaction.atomic():
            row = (
                Generation.objects.select_for_update()
                .filter(condition, id=generation_id)
                .annotate(now=ExpressionWrapper(Now(), DateTimeField()))
                .first()
            )
            if row is None:  # a worker was faster
                continue
            counted = Outcome(
                finish_reason=outcome.finish_reason,
                error=outcome.error,
                cached_tokens=row.cached_tokens,
                completion_tokens=_tokens_written(row),
            )
            event = settle_generation(row=row, outcome=counted, now=row.now)
            ring = partial(publish, generation_group(generation_id), Doorbell(events=[event]))
            transaction.on_commit(ring)  # the caller's, if it has one
        logger.info(
            "generation %s attempt %s ended unattended: %s", row.id, row.attempt, outcome.finish_reason
        )
        ended += 1
    return ended


def _tokens_written(row: Generation) -> int:
    chunks = row.chunks.values_list("token_ids", "text")
    return sum(len(ids) // 4 or guess_tokens(text) for ids, text in chunks)
