"""One transaction for all running generations of a worker: lease, fence, cancel flags, chunks, ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from chat.models import Generation, GenerationChunk, GenerationStatus
from chat.realtime.protocol import DeltaEvent, GenerationEvent, GenerationStarted
from chat.services.generations.leases import renew_leases
from chat.services.generations.settling import Outcome, settle_generation
from chat.services.generations.token_ids import pack_ids
from inference.types import Started


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What one running attempt has to tell since its last flush: perhaps nothing but that it lives.

    With `token_ids` or `text`, chunk number `seq` is written. With an `outcome` the generation ends.
    """

    generation_id: UUID
    attempt: int
    seq: int
    text: str = ""
    token_ids: Sequence[int] = ()
    started: Started | None = None
    outcome: Outcome | None = None

    @property
    def has_chunk(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self.token_ids or self.text)


@dataclass(frozen=True, kw_only=True)
class Flushed:
    """The committed result for one generation; its events may be published now."""

    cancel_requested: bool
    events: list[GenerationEvent] = field(default_factory=list)


def flush_progress(*, worker: str, updates: Sequence[Progress]) -> dict[UUID, Flushed]:
    """Commit progress. An id that is missing from the result has lost its lease: nothing of it was written.

    Rows are locked in id order, so that two workers' flushes cannot deadlock.
    """
    if not updates:
        return {}
    with transaction.atomic():
        held = _lock_held(updates)
        kept = [update for update in updates if update.generation_id in held]
        renew_leases(generation_ids=held.keys())
        _write_chunks(kept)
        return {
            update.generation_id: Flushed(
                cancel_requested=held[update.generation_id].row.cancel_requested,
                events=_advance(worker, held[update.generation_id], update),
            )
            for update in kept
        }


@dataclass(frozen=True)
class _Held:
    row: Generation
    now: datetime


def _lock_held(updates: Sequence[Progress]) -> dict[UUID, _Held]:
    """Lock the rows whose attempt is still the caller's. The attempt is the fence: others are not touched."""
    attempts = {update.generation_id: update.attempt for update in updates}
    rows = (
        Generation.objects.select_for_update()
        .filter(id__in=attempts, status=GenerationStatus.RUNNING)
        .annotate(now=ExpressionWrapper(Now(), DateTimeField()))
        .defer("prompt_ids", "options")
        .order_by("id")
    )
    return {row.id: _Held(row, row.now) for row in rows if row.attempt == attempts[row.id]}


def _write_chunks(updates: Sequence[Progress]) -> None:
    GenerationChunk.objects.bulk_create(
        GenerationChunk(
            generation_id=update.generation_id,
            seq=update.seq,
            attempt=update.attempt,
            text=update.text,
            token_ids=pack_ids(update.token_ids),
        )
        for update in updates
        if update.has_chunk
    )


def _advance(worker: str, held: _Held, update: Progress) -> list[GenerationEvent]:
    row, events = held.row, list[GenerationEvent]()
    ids = {"generation_id": str(row.id), "message_id": str(row.message_id)}
    if update.started is not None:
        row.cached_tokens = min(update.started.cached_tokens, row.prompt_tokens)
        Generation.objects.filter(id=row.id).update(cached_tokens=row.cached_tokens)
        events.append(
            GenerationStarted(
                **ids,
                attempt=row.attempt,
                worker=worker,
                prompt_tokens=row.prompt_tokens,
                cached_tokens=row.cached_tokens,
            )
        )
    if update.has_chunk:
        if row.first_token_at is None or row.faults:
            row.first_token_at = row.first_token_at or held.now
            Generation.objects.filter(id=row.id).update(first_token_at=row.first_token_at, faults=0)
        events.append(DeltaEvent(**ids, seq=update.seq, text=update.text))
    if update.outcome is not None:
        events.append(settle_generation(row=row, outcome=update.outcome, now=held.now))
    return events
