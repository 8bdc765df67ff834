"""One transaction for all running generations of a worker: lease, fence, cancel flags, chunks, ends.

It runs about twenty times a second, so its number of queries does not grow with the generations, rows are
read whole only when something ends, and Django writes no SQL that it has written before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Field, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from chat.models import Generation, GenerationChunk, GenerationStatus
from chat.realtime.protocol.events import DeltaEvent, GenerationEvent, GenerationStarted
from chat.realtime.protocol.views import TokenLogprob
from chat.selectors.prepared import Prepared, PreparedUpdate, params_of, row_of
from chat.services.generations.leases import renew_leases
from chat.services.generations.settling import Outcome, settle_generation
from chat.services.generations.token_ids import pack_ids
from inference.types.events import Started

CHUNK_FIELDS = {
    name: cast("Field[Any, Any]", GenerationChunk._meta.get_field(name))
    for name in ("generation", "seq", "attempt", "text", "token_ids", "logprobs", "created_at")
}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What one running attempt has to tell since its last flush: perhaps nothing but that it lives.

    With `token_ids` or `text`, chunk number `seq` is written; `is_first` says that the attempt has written
    none before. With an `outcome` the generation ends.
    """

    generation_id: UUID
    message_id: UUID
    attempt: int
    seq: int
    is_first: bool = False
    text: str = ""
    token_ids: Sequence[int] = ()
    logprobs: list[TokenLogprob] | None = None
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


def flush_progress(*, worker: str, updates: Sequence[Progress], renews: bool = True) -> dict[UUID, Flushed]:
    """Commit progress. An id that is missing from the result has lost its lease: nothing of it was written.

    Who flushes many times a second need not look after leases (`renews`) each time.
    Rows are locked in id order, so that two workers' flushes cannot deadlock.
    """
    if not updates:
        return {}
    with transaction.atomic():
        cancel_flags = _lock_held(updates)
        kept = [update for update in updates if update.generation_id in cancel_flags]
        if renews:
            renew_leases(generation_ids=cancel_flags.keys())
        _write_chunks(kept)
        return {
            update.generation_id: Flushed(
                cancel_requested=cancel_flags[update.generation_id], events=_advance(worker, update)
            )
            for update in kept
        }


def _lock_held(updates: Sequence[Progress]) -> dict[UUID, bool]:
    """Lock the rows whose attempt is still the caller's; returns their cancel flags.

    The attempt is the fence: rows of another attempt are not touched.
    """
    attempts = {update.generation_id: update.attempt for update in updates}
    rows = _running.rows(*sorted(attempts))
    return {id_: cancelled for id_, attempt, cancelled in rows if attempt == attempts[id_]}


@Prepared
def _running(*generation_ids: UUID) -> QuerySet[Generation, Any]:
    return (
        Generation.objects.select_for_update()
        .filter(id__in=generation_ids, status=GenerationStatus.RUNNING)
        .order_by("id")
        .values_list("id", "attempt", "cancel_requested")
    )


def _write_chunks(updates: Sequence[Progress]) -> None:
    chunks = [update for update in updates if update.has_chunk]
    if chunks:
        _insert_chunks(chunks)
    for update in chunks:
        if update.is_first:
            _begun.run(id=update.generation_id)


def _insert_chunks(chunks: Sequence[Progress]) -> None:
    now = _stored("created_at", timezone.now())
    values: list[Any] = []
    for chunk in chunks:
        values += (
            _stored("generation", chunk.generation_id),
            chunk.seq,
            chunk.attempt,
            _stored("text", chunk.text),
            _stored("token_ids", pack_ids(chunk.token_ids)),
            _stored("logprobs", msgspec.to_builtins(chunk.logprobs)),
            now,
        )
    with connection.cursor() as cursor:
        cursor.execute(_insert(len(chunks)), values)


def _stored(field: str, value: Any) -> Any:
    return CHUNK_FIELDS[field].get_db_prep_save(value, connection)


@lru_cache
def _insert(rows: int) -> str:
    columns = ", ".join(f'"{field.column}"' for field in CHUNK_FIELDS.values())
    row = f"({', '.join(['%s'] * len(CHUNK_FIELDS))})"
    table = GenerationChunk._meta.db_table
    return f'INSERT INTO "{table}" ({columns}) VALUES {", ".join([row] * rows)}'  # noqa: S608  names only


@PreparedUpdate
def _begun() -> tuple[QuerySet[Generation], dict[str, Any]]:
    return row_of(Generation), {"first_token_at": Coalesce(F("first_token_at"), Now()), "faults": 0}


@PreparedUpdate
def _cached() -> tuple[QuerySet[Generation], dict[str, Any]]:
    return row_of(Generation), params_of(Generation, "cached_tokens")


def _advance(worker: str, update: Progress) -> list[GenerationEvent]:
    events = list[GenerationEvent]()
    ids = {"generation_id": str(update.generation_id), "message_id": str(update.message_id)}
    if update.started is not None:
        started = GenerationStarted(
            **ids,
            attempt=update.attempt,
            worker=worker,
            prompt_tokens=update.started.prompt_tokens,
            cached_tokens=update.started.cached_tokens,
        )
        _cached.run(id=update.generation_id, cached_tokens=started.cached_tokens)
        events.append(started)
    if update.has_chunk:
        delta = DeltaEvent(
            **ids,
            seq=update.seq,
            text=update.text,
            tokens=len(update.token_ids),
            logprobs=update.logprobs,
        )
        events.append(delta)
    if update.outcome is not None:
        events.append(_settle(update.generation_id, update.outcome))
    return events


def _settle(generation_id: UUID, outcome: Outcome) -> GenerationEvent:
    now = ExpressionWrapper(Now(), DateTimeField())
    row = (
        Generation.objects.defer("prompt_ids", "prompt_messages", "options")
        .annotate(now=now)
        .get(id=generation_id)
    )
    return settle_generation(row=row, outcome=outcome, now=row.now)
