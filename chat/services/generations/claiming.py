"""Taking a generation under a lease, freezing what it runs on, and handing it back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import (
    Case,
    Count,
    DateTimeField,
    ExpressionWrapper,
    F,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce, Now

from chat.models import Generation, GenerationChunk, GenerationStatus, RuleScope
from chat.queue import enqueue_generation
from chat.selectors.content_rules import rules_for
from chat.selectors.conversations import conversation_of
from chat.selectors.operating import is_held
from chat.selectors.routing import Route, choose_route, seats_of
from chat.services.generations.leases import LEASE, REAPABLE, database_time
from chat.services.generations.token_ids import pack_ids, unpack_ids
from inference.content import Rule
from inference.counting import guess_tokens
from inference.types import Dropped, PreparedPrompt, PromptMessage

MAX_FAULTS = 3
CANDIDATES = 8
MAX_ROUNDS = 5
"""After a drain many threads claim at once, and others may have been faster with every candidate."""
PREFERENCE = timedelta(seconds=0.5)
"""So long a waiting generation is left to the worker that holds its prefix."""


@dataclass(frozen=True, kw_only=True)
class ClaimedGeneration:
    """What a worker needs to run one attempt.

    `messages` is the conversation, as it was frozen for a remote model, and from which the first claim made
    `prompt_ids` for another. `resume_ids` and `resume_text` are what earlier attempts committed; the next
    chunk is number `next_seq`. `spent_s` are the seconds since the first claim, by the database's clock.
    `rules` are the content rules that the reply has to keep.
    """

    id: UUID
    attempt: int
    session_id: UUID
    message_id: UUID
    model: str
    model_digest: str
    provider: str
    priority: int
    options: dict[str, Any]
    prompt_ids: list[int] | None
    messages: list[PromptMessage]
    resume_ids: list[int]
    resume_text: str
    next_seq: int
    spent_s: float
    rules: tuple[Rule, ...] = ()


class Head(NamedTuple):
    """The most urgent priority that waits for a model, and the longest wait for it in seconds."""

    priority: int
    waited_s: float


def claim_generation(*, worker: str, models: Sequence[str]) -> ClaimedGeneration | None:
    """Claim the fairest eligible generation of one of `models`, or None.

    Interactive goes before batch, then the user with the fewest running generations, then the oldest.
    `chat.selectors.waiting.fair_order` tells waiting people the same order. Of a user with as many running
    as allowed only a takeover is claimed; two workers that claim at once may exceed the limit by one. What
    prefers another worker is left to that one for `PREFERENCE`, and what is held to nobody.
    """
    for _ in range(MAX_ROUNDS):
        found = list(_eligible_rows(worker, models).values_list("id", "status")[:CANDIDATES])
        for generation_id, status in found:
            if _take(generation_id, status, worker):
                return _describe(generation_id)
        if not found:
            break
    return None


def _take(generation_id: UUID, status: str, worker: str) -> bool:
    """The database chooses the winner: of two workers with the same candidate, one updates a row."""
    still = Q(status=GenerationStatus.QUEUED) if status == GenerationStatus.QUEUED else REAPABLE
    return bool(
        Generation.objects.filter(still, id=generation_id, cancel_requested=False).update(
            attempt=F("attempt") + 1,
            faults=F("faults") + Case(When(status=GenerationStatus.RUNNING, then=1), default=0),
            status=GenerationStatus.RUNNING,
            worker=worker,
            lease_until=database_time(LEASE),
            started_at=Coalesce(F("started_at"), Now()),
        )
    )


def waiting_heads(*, worker: str, models: Sequence[str]) -> dict[str, Head]:
    """Of each model with something to claim: the most urgent priority, and the longest wait."""
    rows = _eligible_rows(worker, models).order_by().values("model")
    heads = rows.annotate(urgent=Min("priority"), since=Min("waiting_since"), now=database_time(timedelta()))
    return {row["model"]: Head(row["urgent"], (row["now"] - row["since"]).total_seconds()) for row in heads}


def _eligible_rows(worker: str, models: Sequence[str]) -> QuerySet[Generation]:
    """What the worker may claim, the fairest first: queued or lost, and not left to another just now."""
    theirs = ~Q(preferred_worker__in=["", worker]) & Q(waiting_since__gt=database_time(-PREFERENCE))
    eligible = (Q(status=GenerationStatus.QUEUED) & ~theirs) | (REAPABLE & Q(faults__lt=MAX_FAULTS))
    running = (
        Generation.objects.filter(user=OuterRef("user"), status=GenerationStatus.RUNNING)
        .order_by()
        .values("user")
        .annotate(count=Count("id"))
        .values("count")
    )
    allowed = Coalesce(F("max_running"), settings.MAX_RUNNING_PER_USER)
    return (
        Generation.objects.filter(eligible, model__in=models, cancel_requested=False)
        .exclude(is_held(worker=worker))
        .annotate(user_running=Coalesce(Subquery(running, output_field=IntegerField()), 0))
        .filter(Q(status=GenerationStatus.RUNNING) | Q(user_running__lt=allowed))
        .order_by("priority", "user_running", "created_at", "id")
    )


def _describe(generation_id: UUID) -> ClaimedGeneration:
    now = ExpressionWrapper(Now(), DateTimeField())
    row = Generation.objects.annotate(now=now).get(id=generation_id)
    earlier = row.chunks.order_by("seq").values_list("text", "token_ids")
    chunks = list(earlier) if row.attempt > 1 else []
    frozen = unpack_ids(row.prompt_ids) if row.prompt_ids is not None else None
    assert row.started_at is not None  # noqa: S101  set by the claim
    return ClaimedGeneration(
        id=row.id,
        attempt=row.attempt,
        session_id=row.session_id,
        message_id=row.message_id,
        model=row.model,
        model_digest=row.model_digest,
        provider=row.provider,
        priority=row.priority,
        options=row.options,
        prompt_ids=frozen,
        messages=_frozen_messages(row) or conversation_of(row),
        resume_ids=[token for _, ids in chunks for token in unpack_ids(ids)],
        resume_text="".join(text for text, _ in chunks),
        next_seq=len(chunks),
        spent_s=max(0.0, (row.now - row.started_at).total_seconds()),
        rules=_rules(row),
    )


def _rules(row: Generation) -> tuple[Rule, ...]:
    if not row.options.get("content_filter", True):
        return ()
    return rules_for(user_id=row.user_id, scope=RuleScope.OUTPUT)


def _frozen_messages(row: Generation) -> list[PromptMessage]:
    return msgspec.convert(row.prompt_messages or [], list[PromptMessage])


def freeze_prompt(
    *,
    generation_id: UUID,
    attempt: int,
    prompt: PreparedPrompt,
    model_digest: str,
    options: dict[str, Any],
    has_begun: bool = False,
) -> bool:
    """Fix what this and every later attempt runs on. False when the attempt has lost its lease.

    Where the reply `has_begun` otherwise, the prompt's `written_ids` say the committed text: they replace
    the tokens it had, all in the first chunk. No text changes.
    """
    held = Generation.objects.filter(id=generation_id, attempt=attempt, status=GenerationStatus.RUNNING)
    with transaction.atomic() if has_begun else nullcontext():
        frozen = held.update(
            prompt_ids=pack_ids(prompt.token_ids),
            prompt_messages=msgspec.to_builtins(prompt.messages) or None,
            prompt_tokens=len(prompt.token_ids) or guess_tokens(*(each.content for each in prompt.messages)),
            dropped=msgspec.structs.asdict(prompt.dropped) if prompt.dropped != Dropped() else {},
            context_length=prompt.window,
            model_digest=model_digest,
            options=options,
        )
        if frozen and has_begun:
            chunks = GenerationChunk.objects.filter(generation_id=generation_id)
            chunks.filter(seq__gt=0).update(token_ids=b"")
            chunks.filter(seq=0).update(token_ids=pack_ids(prompt.written_ids))
    return bool(frozen)


def release_generations(*, generations: Sequence[tuple[UUID, int]]) -> list[UUID]:
    """Hand running (id, attempt) pairs back to the queue; returns those that were still the caller's."""
    attempts = dict(generations)
    with transaction.atomic():
        running = Generation.objects.select_for_update().filter(
            id__in=attempts, status=GenerationStatus.RUNNING
        )
        rows = list(running.order_by("id").values_list("id", "attempt", "model"))
        released = {id_: model for id_, attempt, model in rows if attempt == attempts[id_]}
        Generation.objects.filter(id__in=released).update(**back_in_the_queue())
    routes = {model: choose_route(model) for model in set(released.values())}
    for generation_id, model in released.items():
        enqueue_generation(generation_id, model, routes[model])
    return list(released)


def pass_on(*, generation_id: UUID, worker: str) -> None:
    """A hint has come to a worker without a free slot: tell the one with the most, if there is any."""
    waiting = Generation.objects.filter(id=generation_id, status=GenerationStatus.QUEUED)
    model = waiting.values_list("model", flat=True).first()
    if model is None:
        return
    waiting.filter(preferred_worker=worker).update(preferred_worker="")
    others = [seat for seat in seats_of(model) if seat.worker != worker and seat.free > 0]
    if others:
        enqueue_generation(generation_id, model, Route(worker=others[0].worker))


def release_orphans(*, worker: str) -> int:
    """Put back what an earlier process of the same name left running; returns how many rows.

    Names are unique, so at the start of a process nothing of its name can be alive: no need to wait for the
    leases. It counts as a fault, and the last one is left to its lease and to `settle_abandoned`.
    """
    left = Generation.objects.filter(
        worker=worker, status=GenerationStatus.RUNNING, cancel_requested=False, faults__lt=MAX_FAULTS
    )
    return left.update(**back_in_the_queue(), faults=F("faults") + 1)


def back_in_the_queue() -> dict[str, Any]:
    """The columns of a running row that becomes a waiting one."""
    return {
        "status": GenerationStatus.QUEUED,
        "worker": "",
        "preferred_worker": "",
        "lease_until": None,
        "waiting_since": Now(),
    }
