"""Taking a generation under a lease, and freezing what it runs on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
from chat.selectors.content_rules import rules_for
from chat.selectors.conversations import conversation_of
from chat.selectors.operating import is_held
from chat.selectors.prepared import Prepared
from chat.selectors.waiting import its_turn
from chat.services.generations.leases import LEASE, LEASE_EXPIRED, REAPABLE, database_time
from chat.services.generations.token_ids import pack_ids, unpack_ids
from inference.content import Rule
from inference.counting import guess_tokens
from inference.types.context import Dropped
from inference.types.prompts import PreparedPrompt, PromptMessage

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
    chunk is number `next_seq`. `faults` are losses without a word since. `spent_s` are the seconds since the
    first claim, by the database's clock. `rules` are the content rules that the reply has to keep.
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
    faults: int
    spent_s: float
    rules: tuple[Rule, ...] = ()


class Head(NamedTuple):
    """The most urgent priority that waits for a model, and the longest wait for it in seconds."""

    priority: int
    waited_s: float


def claim_generation(
    *, worker: str, models: Sequence[str], full_providers: Collection[str] = ()
) -> ClaimedGeneration | None:
    """Claim the fairest eligible generation of one of `models`, or None.

    Interactive goes before batch, then the user with the fewest running generations, then whose turn it is.
    `chat.selectors.waiting.fair_order` tells waiting people the same order. Of a user with as many running
    as allowed only a takeover is claimed; two workers that claim at once may exceed the limit by one. What
    prefers another worker is left to that one for `PREFERENCE`, and what is held, or may be answered by one
    of `full_providers` alone, to nobody.
    """
    asked = (worker, tuple(models), tuple(full_providers), settings.MAX_RUNNING_PER_USER)
    for _ in range(MAX_ROUNDS):
        found = _candidates.rows(*asked)
        for generation_id, status in found:
            if _take(generation_id, status, worker):
                return _describe(generation_id)
        if not found:
            break
    return None


def may_be_claimable(models: Sequence[str]) -> bool:
    """Whether a claim may be worth it, cheaply: workers look once a second, mostly for nothing."""
    waiting = Q(status=GenerationStatus.QUEUED) | LEASE_EXPIRED
    return Generation.objects.filter(waiting, model__in=models).exists()


def _take(generation_id: UUID, status: str, worker: str) -> bool:
    """The database chooses the winner: of two workers with the same candidate, one updates a row."""
    still = Q(status=GenerationStatus.QUEUED) if status == GenerationStatus.QUEUED else REAPABLE
    return bool(
        Generation.objects.filter(still, id=generation_id, cancel_requested=False).update(
            attempt=F("attempt") + 1,
            faults=F("faults") + Case(When(status=GenerationStatus.RUNNING, then=1), default=0),
            status=GenerationStatus.RUNNING,
            worker=worker,
            streams_from="",
            lease_until=database_time(LEASE),
            started_at=Coalesce(F("started_at"), Now()),
        )
    )


def waiting_heads(*, worker: str, models: Sequence[str]) -> dict[str, Head]:
    """Of each model with something to claim: the most urgent priority, and the longest wait."""
    rows = _eligible_rows(worker, models, settings.MAX_RUNNING_PER_USER).order_by().values("model")
    heads = rows.annotate(urgent=Min("priority"), since=Min("waiting_since"), now=database_time(timedelta()))
    return {row["model"]: Head(row["urgent"], (row["now"] - row["since"]).total_seconds()) for row in heads}


def _eligible_rows(worker: str, models: Sequence[str], most_running: int) -> QuerySet[Generation]:
    """What the worker may claim, the fairest first: queued or lost, and not left to another just now.
    `most_running` of one user may run where nothing else is said.
    """
    theirs = ~Q(preferred_worker__in=["", worker]) & Q(waiting_since__gt=database_time(-PREFERENCE))
    eligible = (Q(status=GenerationStatus.QUEUED) & ~theirs) | (REAPABLE & Q(faults__lt=MAX_FAULTS))
    running = (  # a reply that was lost with the last worker of its model holds nobody up
        Generation.objects.filter(user=OuterRef("user"), status=GenerationStatus.RUNNING)
        .exclude(REAPABLE)
        .order_by()
        .values("user")
        .annotate(count=Count("id"))
        .values("count")
    )
    allowed = Coalesce(F("max_running"), most_running)
    return (
        Generation.objects.filter(eligible, model__in=models, cancel_requested=False)
        .exclude(is_held(worker=worker))
        .annotate(user_running=Coalesce(Subquery(running, output_field=IntegerField()), 0))
        .filter(Q(status=GenerationStatus.RUNNING) | Q(user_running__lt=allowed))
        .alias(turn=its_turn())
        .order_by("priority", "user_running", "turn", "created_at", "id")
    )


@Prepared
def _candidates(
    worker: str, models: tuple[str, ...], full_providers: tuple[str, ...], most_running: int
) -> QuerySet[Generation, tuple[UUID, str]]:
    rows = _eligible_rows(worker, models, most_running).exclude(provider__in=full_providers)
    return rows.values_list("id", "status")[:CANDIDATES]


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
        faults=row.faults,
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
