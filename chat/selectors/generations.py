"""Generations as readers follow them: what is committed, and where the waiting ones stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import fmean
from uuid import UUID

import msgspec
from django.db.models import IntegerField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from chat.models import ACTIVE, Generation, GenerationChunk, GenerationStatus
from chat.realtime.protocol.events import (
    DeltaEvent,
    GenerationFailed,
    GenerationFinished,
    GenerationQueued,
    GenerationStarted,
)
from chat.realtime.protocol.views import (
    ActiveGeneration,
    DroppedContext,
    GenerationError,
    GenerationMetrics,
    TokenLogprob,
    UsageView,
)
from chat.sealed import plain_size
from chat.selectors.waiting import places_in_queue
from chat.selectors.workers import live_workers

RECENT = 20
CHUNK_PAGE = 500
TOKEN_BYTES = 4


@dataclass(frozen=True)
class Watched:
    """One generation at one moment. `last_seq` is -1 without chunks."""

    row: Generation
    last_seq: int

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.row.status not in ACTIVE

    @property
    def is_purged(self) -> bool:
        """Ended, and its chunks deleted: the text is only in the message."""
        return self.is_over and self.last_seq < 0 and bool(self.row.message.content)


@dataclass(frozen=True)
class Pace:
    """Slots of live workers, how many are free, and the recent mean seconds of a reply.

    Of all workers together; `by_model` says the same of those that have one model loaded.
    """

    slots: int
    free: int
    mean_seconds: float | None
    by_model: Mapping[str, Pace] = field(default_factory=dict)

    def of(self, model: str) -> Pace:
        """The pace of one model: without slots when no live worker has loaded it."""
        return self.by_model.get(model, Pace(0, 0, None))

    def seconds_until_slot(self, ahead: int) -> float | None:
        """A guess for somebody with `ahead` others before them; None where nothing is known."""
        if not self.slots:
            return None
        if ahead < self.free:
            return 0.0
        if self.mean_seconds is None:
            return None
        return round(self.mean_seconds * (ahead - self.free + 1) / self.slots, 1)


def watch_generations(generation_ids: Collection[UUID]) -> dict[UUID, Watched]:
    """The present state of many generations in one query. Ids that do not exist are missing."""
    rows = (
        Generation.objects.filter(id__in=generation_ids)
        .select_related("message")
        .defer("prompt_ids", "options")
        .annotate(last_seq=_last_seq())
    )
    return {row.id: Watched(row, row.last_seq) for row in rows}


def find_news(known: Mapping[UUID, int]) -> list[UUID]:
    """Which generations are more, or less, than running with the last seq that is known, in one query."""
    rows = Generation.objects.filter(id__in=known).annotate(last_seq=_last_seq())
    found = {id_: (status, seq) for id_, status, seq in rows.values_list("id", "status", "last_seq")}
    return [id_ for id_, seq in known.items() if found.get(id_) != (GenerationStatus.RUNNING, seq)]


def active_generations(session_id: UUID) -> list[ActiveGeneration]:
    """What is being written in a session right now, oldest first, in one query."""
    rows = (
        Generation.objects.filter(session_id=session_id, status__in=ACTIVE)
        .annotate(last_seq=_last_seq())
        .order_by("created_at")
        .values_list("id", "message_id", "last_seq")
    )
    return [
        ActiveGeneration(generation_id=str(id_), message_id=str(message_id), last_seq=last_seq)
        for id_, message_id, last_seq in rows
    ]


def queued_in_session(session_id: UUID, moment: datetime) -> list[GenerationQueued]:
    """What tells readers to follow the active generations that were made after a moment."""
    made = Generation.objects.filter(session_id=session_id, status__in=ACTIVE, created_at__gt=moment)
    return queued_events(made.order_by("created_at").defer("prompt_ids", "options"))


def find_generation(*, session_id: UUID, generation_id: UUID) -> Generation | None:
    """The generation, if it belongs to the session."""
    return Generation.objects.filter(id=generation_id, session_id=session_id).first()


def deltas_after(*, generation_id: UUID, message_id: UUID, after_seq: int) -> list[DeltaEvent]:
    """Up to `CHUNK_PAGE` committed chunks after a seq, in order."""
    chunks = (
        GenerationChunk.objects.filter(generation_id=generation_id, seq__gt=after_seq)
        .order_by("seq")
        .values_list("seq", "text", plain_size("token_ids"), "logprobs")[:CHUNK_PAGE]
    )
    ids = {"generation_id": str(generation_id), "message_id": str(message_id)}
    return [
        DeltaEvent(
            **ids,
            seq=seq,
            text=text,
            tokens=size // TOKEN_BYTES,
            logprobs=msgspec.convert(logprobs, list[TokenLogprob] | None),
        )
        for seq, text, size, logprobs in chunks
    ]


def queued_events(rows: Iterable[Generation]) -> list[GenerationQueued]:
    """Where waiting generations stand, in four queries; position 1 is next, or runs already."""
    waiting = list(rows)
    if not waiting:
        return []
    places, pace = places_in_queue({row.model for row in waiting}), measure_pace()
    return [_queued_event(row, places.get(row.id, 0), pace) for row in waiting]


def next_event(row: Generation) -> GenerationQueued:
    """Where a generation stands that a free slot is about to take."""
    return _event(row, position=1, eta_seconds=0.0)


def _queued_event(row: Generation, ahead: int, pace: Pace) -> GenerationQueued:
    return _event(row, position=ahead + 1, eta_seconds=pace.of(row.model).seconds_until_slot(ahead))


def _event(row: Generation, *, position: int, eta_seconds: float | None) -> GenerationQueued:
    return GenerationQueued(
        generation_id=str(row.id),
        message_id=str(row.message_id),
        position=position,
        eta_seconds=eta_seconds,
    )


def started_event(row: Generation) -> GenerationStarted:
    """What the row knows about a running attempt."""
    return GenerationStarted(
        generation_id=str(row.id),
        message_id=str(row.message_id),
        attempt=row.attempt,
        worker=row.worker,
        prompt_tokens=row.prompt_tokens,
        cached_tokens=row.cached_tokens,
    )


def error_of(row: Generation) -> GenerationError:
    """Why it failed."""
    return GenerationError(
        code=row.error_code, message=row.error_message, reason=row.reason, retryable=row.error_retryable
    )


def terminal_event(watched: Watched) -> GenerationFinished | GenerationFailed:
    """The last frame of a generation that has ended."""
    row = watched.row
    ids = {"generation_id": str(row.id), "message_id": str(row.message_id)}
    if row.status == GenerationStatus.FAILED:
        return GenerationFailed(**ids, error=error_of(row))
    return GenerationFinished(
        **ids,
        finish_reason=row.finish_reason,
        last_seq=watched.last_seq,
        usage=UsageView(
            prompt_tokens=row.prompt_tokens,
            cached_tokens=row.cached_tokens,
            completion_tokens=row.completion_tokens,
            total_tokens=row.prompt_tokens + row.completion_tokens,
            dropped=msgspec.convert(row.dropped or None, DroppedContext | None),
            context_length=row.context_length or None,
        ),
        metrics=msgspec.convert(row.metrics, GenerationMetrics),
        worker=row.worker,
    )


def measure_pace() -> Pace:
    """How fast replies come at present, in two queries."""
    workers = list(live_workers().values_list("offered_models", "slots", "busy"))
    took = _recent_seconds()
    by_model = {
        model: _pace(
            [(slots, busy) for loaded, slots, busy in workers if model in loaded],
            [seconds for other, seconds in took if other == model],
        )
        for model in {model for loaded, _, _ in workers for model in loaded}
    }
    everything = _pace([(slots, busy) for _, slots, busy in workers], [seconds for _, seconds in took])
    return replace(everything, by_model=by_model)


def _recent_seconds() -> list[tuple[str, float]]:
    """Model and seconds of the replies that finished last."""
    recent = Generation.objects.filter(
        status=GenerationStatus.SUCCEEDED, started_at__isnull=False, finished_at__isnull=False
    ).order_by("-finished_at")[:RECENT]
    rows = recent.values_list("model", "started_at", "finished_at")
    return [(model, (end - start).total_seconds()) for model, start, end in rows if start and end]


def _pace(capacity: Collection[tuple[int, int]], took: Collection[float]) -> Pace:
    slots, busy = (sum(numbers) for numbers in zip(*capacity, strict=True)) if capacity else (0, 0)
    return Pace(slots, slots - busy, fmean(took) if took else None)


def _last_seq() -> Coalesce:
    # The end of an index: a maximum over a join would read every chunk again, every second.
    newest = GenerationChunk.objects.filter(generation=OuterRef("pk")).order_by("-seq").values("seq")[:1]
    return Coalesce(Subquery(newest), Value(-1), output_field=IntegerField())
