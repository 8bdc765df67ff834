"""One transaction for all running generations of a worker: lease, fence, cancel flags, chunks, ends.

It runs about twenty times a second, so its number of queries does not grow with the generations, rows are
read whole only when something ends, and Django writes no SQL that it has written before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from chat.models import Generation, GenerationChunk, GenerationStatus
from chat.realtime.protocol.events import DeltaEvent, GenerationEvent, GenerationStarted
from chat.realtime.protocol.views import TokenLogprob
from chat.selectors.prepared import (
    Prepared,
    PreparedUpdate,
    columns_named,
    id_params,
    ids_given,
    insert_values,
    params_of,
    read_as,
    row_of,
)
from chat.services.generations.leases import renew_leases
from chat.services.generations.settling import Outcome, settle_generation
from chat.services.generations.token_ids import pack_ids
from inference.types.events import Started

CHUNK = columns_named(
    GenerationChunk, "generation", "seq", "attempt", "text", "token_ids", "logprobs", "created_at"
)
ENDING = (
    *(
        "id",
        "session_id",
        "message_id",
        "worker",
        "prompt_tokens",
        "kept_tokens",
        "dropped",
        "context_length",
    ),
    *("kill_reason", "created_at", "started_at", "first_token_at"),
)
"""What is read of a generation to end it."""


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
    rows = _running.rows(len(attempts), **ids_given(attempts))
    return {id_: cancelled for id_, attempt, cancelled in rows if attempt == attempts[id_]}


@Prepared
def _running(count: int) -> QuerySet[Generation, Any]:
    return (
        Generation.objects.select_for_update()
        .filter(id__in=id_params(Generation, count), status=GenerationStatus.RUNNING)
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
    now = timezone.now()
    rows = [
        (
            each.generation_id,
            each.seq,
            each.attempt,
            each.text,
            pack_ids(each.token_ids),
            msgspec.to_builtins(each.logprobs),
            now,
        )
        for each in chunks
    ]
    insert_values(GenerationChunk, CHUNK, rows)


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
    ((*values, now),) = _ending.rows(id=generation_id)
    return settle_generation(row=read_as(Generation, ENDING, values), outcome=outcome, now=now)


@Prepared
def _ending() -> QuerySet[Generation, Any]:
    return row_of(Generation).values_list(*ENDING, ExpressionWrapper(Now(), DateTimeField()))
