"""Taking generations under a lease, the fairest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
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

from chat.models import Generation, GenerationStatus, RuleScope
from chat.selectors.content_rules import rules_for
from chat.selectors.conversations import conversation_of
from chat.selectors.operating import is_held
from chat.selectors.prepared import Param, Prepared, PreparedUpdate, read_as
from chat.selectors.waiting import its_turn
from chat.services.generations.leases import LEASE, LEASE_EXPIRED, REAPABLE, database_time
from chat.services.generations.token_ids import unpack_ids
from inference.content import Rule
from inference.types.prompts import PromptMessage

MAX_FAULTS = 3
CANDIDATES = 16
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
    """Claim the fairest eligible generation of one of `models`, or None; see `claim_generations`."""
    return next(claim_generations(worker=worker, models=models, most=1, full_providers=full_providers), None)


def claim_generations(
    *, worker: str, models: Sequence[str], most: int, full_providers: Collection[str] = ()
) -> Iterator[ClaimedGeneration]:
    """Claim up to `most` eligible generations of `models`, the fairest first, each as it is asked for: one
    that cannot be read takes no other with it.

    Interactive goes before batch, then the user with the fewest running generations, then whose turn it is.
    `chat.selectors.waiting.fair_order` tells waiting people the same order. Of a user with as many running
    as allowed only a takeover is claimed; two workers that claim at once may exceed the limit by one. What
    prefers another worker is left to that one for `PREFERENCE`, and what is held, or may be answered by one
    of `full_providers` alone, to nobody.
    """
    asked = (worker, tuple(models), tuple(full_providers), settings.MAX_RUNNING_PER_USER)
    for _ in range(MAX_ROUNDS):
        found, won = [Candidate(*row) for row in _candidates.rows(*asked)], 0
        for each in fairest(found, most):
            if _take(each, worker):
                won += 1
                yield _describe(each.id)
        most -= won
        if not most or won == len(found) < CANDIDATES:
            return


def fairest(found: Sequence[Candidate], most: int) -> list[Candidate]:
    """Who is next, and then, of the first candidates in their order; each that is taken is one more that
    its user runs.

    Where there may be further candidates, whoever thus falls behind the last of these is not chosen.
    """
    taken: Counter[UUID] = Counter()

    def place(each: Candidate) -> tuple[Any, ...]:
        running = each.user_running + taken[each.user_id]
        return each.priority, running, each.turn, each.created_at, each.id

    last = place(found[-1]) if len(found) == CANDIDATES else None
    waiting, chosen = list(found), list[Candidate]()
    while waiting and len(chosen) < most:
        best = min(waiting, key=place)
        if last is not None and place(best) > last:
            break
        waiting.remove(best)
        if best.may_run(taken[best.user_id]):
            chosen.append(best)
            taken[best.user_id] += 1
    return chosen


def may_be_claimable(models: Sequence[str]) -> bool:
    """Whether a claim may be worth it, cheaply: workers look once a second, mostly for nothing."""
    return bool(_claimable.rows(tuple(models)))


@Prepared
def _claimable(models: tuple[str, ...]) -> QuerySet[Generation, tuple[UUID]]:
    waiting = Q(status=GenerationStatus.QUEUED) | LEASE_EXPIRED
    return Generation.objects.filter(waiting, model__in=models).values_list("id")[:1]


def _take(candidate: Candidate, worker: str) -> bool:
    """The database chooses the winner: of two workers with the same candidate, one updates a row."""
    return bool(_taken.run(candidate.is_takeover, id=candidate.id, worker=worker))


@PreparedUpdate
def _taken(is_takeover: bool) -> tuple[QuerySet[Generation], dict[str, Any]]:
    still = REAPABLE if is_takeover else Q(status=GenerationStatus.QUEUED)
    rows = Generation.objects.filter(still, id=Param("id", Generation, "id"), cancel_requested=False)
    return rows, {
        "attempt": F("attempt") + 1,
        "faults": F("faults") + Case(When(status=GenerationStatus.RUNNING, then=1), default=0),
        "status": GenerationStatus.RUNNING,
        "worker": Param("worker", Generation, "worker"),
        "streams_from": "",
        "lease_until": database_time(LEASE),
        "started_at": Coalesce(F("started_at"), Now()),
    }


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
        .annotate(user_running=Coalesce(Subquery(running, output_field=IntegerField()), 0), allowed=allowed)
        .filter(Q(status=GenerationStatus.RUNNING) | Q(user_running__lt=F("allowed")))
        .annotate(turn=its_turn())
        .order_by("priority", "user_running", "turn", "created_at", "id")
    )


class Candidate(NamedTuple):
    """What may be claimed, as `_eligible_rows` orders it. `allowed` is how many its user may run at once."""

    id: UUID
    status: str
    user_id: UUID
    priority: int
    user_running: int
    allowed: int
    turn: datetime
    created_at: datetime

    @property
    def is_takeover(self) -> bool:
        """Of a worker that has lost it."""
        return self.status != GenerationStatus.QUEUED

    def may_run(self, more: int) -> bool:
        """Whether its user's limit lets it, with so many `more` running."""
        return self.is_takeover or self.user_running + more < self.allowed


@Prepared
def _candidates(
    worker: str, models: tuple[str, ...], full_providers: tuple[str, ...], most_running: int
) -> QuerySet[Generation, Any]:
    rows = _eligible_rows(worker, models, most_running).exclude(provider__in=full_providers)
    return rows.values_list(*Candidate._fields)[:CANDIDATES]


DESCRIBED = (
    *("id", "attempt", "session_id", "message_id", "user_id", "model", "model_digest", "provider"),
    *("priority", "options", "prompt_ids", "prompt_messages", "faults", "started_at"),
)


@Prepared
def _described() -> QuerySet[Generation, Any]:
    rows = Generation.objects.filter(id=Param("id", Generation, "id"))
    return rows.values_list(*DESCRIBED, ExpressionWrapper(Now(), DateTimeField()))


def _describe(generation_id: UUID) -> ClaimedGeneration:
    ((*values, now),) = _described.rows(id=generation_id)
    row = read_as(Generation, DESCRIBED, values)
    chunks = list(row.chunks.order_by("seq").values_list("text", "token_ids")) if row.attempt > 1 else []
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
        spent_s=max(0.0, (now - row.started_at).total_seconds()),
        rules=_rules(row),
    )


def _rules(row: Generation) -> tuple[Rule, ...]:
    if not row.options.get("content_filter", True):
        return ()
    return rules_for(user_id=row.user_id, scope=RuleScope.OUTPUT)


def _frozen_messages(row: Generation) -> list[PromptMessage]:
    return msgspec.convert(row.prompt_messages or [], list[PromptMessage])
