"""The live view: what is being written and waits, on which workers, in which queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, Min, QuerySet, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from chat.models import (
    ACTIVE,
    Generation,
    GenerationChunk,
    GenerationStatus,
    HoldKind,
    WorkerStatus,
)
from chat.sealed import plain_size
from chat.selectors.operating import held_names
from chat.selectors.workers import WorkerState, list_workers

MOST_REPLIES = 100
RATE_WINDOW = timedelta(seconds=5)
FORGOTTEN = timedelta(hours=1)
TOKEN_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class LiveReply:
    """A reply in the making. `age_s` is since it was asked for; `tokens` are those written so far."""

    id: UUID
    session_id: UUID
    username: str
    model: str
    worker: str
    status: str
    age_s: int
    tokens: int
    is_being_stopped: bool


@dataclass(frozen=True, kw_only=True)
class LiveWorker:
    """A worker's row. `kv_percent` is None where its engine tells no figures."""

    state: WorkerState
    is_held: bool
    heartbeat_s: int
    tokens_per_second: float
    kv_percent: int | None


@dataclass(frozen=True, kw_only=True)
class LiveQueue:
    """What waits for one model."""

    model: str
    waiting: int
    oldest_s: int
    is_held: bool


@dataclass(frozen=True, kw_only=True)
class LiveView:
    """One look; `hidden` replies are beyond the first `MOST_REPLIES`."""

    replies: list[LiveReply]
    hidden: int
    workers: list[LiveWorker]
    queues: list[LiveQueue]


def read_live() -> LiveView:
    """Everything that the page shows, in eight queries however much there is."""
    now = timezone.now()
    active = Generation.objects.filter(status__in=ACTIVE)
    rows = list(
        active.select_related("user")
        .only("session_id", "user__username", "model", "worker", "status", "created_at", "cancel_requested")
        .order_by("-status", "created_at")[:MOST_REPLIES]
    )
    tokens = _tokens_of([row.id for row in rows])
    replies = [_reply(row, tokens.get(row.id, 0), now) for row in rows]
    hidden = active.count() - len(rows) if len(rows) == MOST_REPLIES else 0
    states = list_workers()
    return LiveView(
        replies=replies, hidden=hidden, workers=_workers(states, now), queues=_queues(states, now)
    )


def find_live(generation_id: UUID) -> Generation | None:
    """One reply, with whom it is for."""
    rows = Generation.objects.select_related("user", "message").defer("prompt_ids", "prompt_messages")
    return rows.filter(id=generation_id).first()


def _reply(row: Generation, tokens: int, now: datetime) -> LiveReply:
    return LiveReply(
        id=row.id,
        session_id=row.session_id,
        username=row.user.username,
        model=row.model,
        worker=row.worker,
        status=row.status,
        age_s=_seconds(now, row.created_at),
        tokens=tokens,
        is_being_stopped=row.cancel_requested,
    )


def _tokens_of(generation_ids: list[UUID]) -> dict[UUID, int]:
    chunks = GenerationChunk.objects.filter(generation_id__in=generation_ids)
    counted = chunks.order_by().values("generation_id").annotate(tokens=_tokens())
    return dict(counted.values_list("generation_id", "tokens"))


def _tokens() -> Sum:
    # A chunk of a remote model names no tokens: it counts as one.
    return Sum(Greatest(plain_size("token_ids") / TOKEN_BYTES, 1, output_field=IntegerField()))


def _workers(states: list[WorkerState], now: datetime) -> list[LiveWorker]:
    held, rates = held_names(HoldKind.WORKER), _rates(now)
    return [
        LiveWorker(
            state=state,
            is_held=state.name in held,
            heartbeat_s=_seconds(now, state.heartbeat_at),
            tokens_per_second=rates.get(state.name, 0.0),
            kv_percent=_kv_percent(state),
        )
        for state in states
        if state.status != WorkerStatus.STOPPED or now - state.heartbeat_at < FORGOTTEN
    ]


def _rates(now: datetime) -> dict[str, float]:
    """Tokens a second of what runs, by worker."""
    recent: QuerySet[Any] = GenerationChunk.objects.filter(
        generation__status=GenerationStatus.RUNNING, created_at__gt=now - RATE_WINDOW
    )
    rows = recent.order_by().values("generation__worker").annotate(tokens=_tokens())
    seconds = RATE_WINDOW.total_seconds()
    return {worker: tokens / seconds for worker, tokens in rows.values_list("generation__worker", "tokens")}


def _kv_percent(state: WorkerState) -> int | None:
    """How much of the KV cache of the models in memory is used, in tokens."""
    room = state.slots * state.capabilities.get("context_length", 0) * len(state.figures)
    used = sum(figures.get("kv_tokens", 0) for figures in state.figures.values())
    return round(100 * used / room) if room else None


def _queues(states: list[WorkerState], now: datetime) -> list[LiveQueue]:
    waiting = Generation.objects.filter(status=GenerationStatus.QUEUED).order_by().values("model")
    counted = {row["model"]: row for row in waiting.annotate(count=Count("id"), oldest=Min("waiting_since"))}
    held = held_names(HoldKind.QUEUE)
    offered = {slug for state in states for slug in state.models}
    return [
        LiveQueue(
            model=model,
            waiting=counted[model]["count"] if model in counted else 0,
            oldest_s=_seconds(now, counted[model]["oldest"]) if model in counted else 0,
            is_held=model in held,
        )
        for model in sorted({*counted, *held, *offered})
    ]


def _seconds(now: datetime, then: datetime) -> int:
    return max(0, round((now - then).total_seconds()))
