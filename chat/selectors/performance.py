"""Where replies could come faster or cost less, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models import Generation, GenerationStatus, User

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

JUDGED_REPLIES = 100
JUDGED_OF_ALL = 1000
EXAMPLES = 10
MIN_REPLIES = 2
Severity = Literal["high", "medium", "low"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One reply that succeeded, as it is judged. What was not measured is None."""

    id: UUID
    session_id: UUID
    tokens_per_second: float | None
    response_time_ms: float | None
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, kw_only=True)
class Example:
    """A reply behind a recommendation, and what it measured."""

    generation_id: UUID
    session_id: UUID
    value: float


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """`value` is the mean over the replies judged, which is beyond `threshold`; `generations` are the last
    that were beyond it themselves, the latest first.
    """

    type: str
    severity: Severity
    message: str
    action: str
    value: float
    threshold: float
    generations: list[Example]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is measured, the weight of each measurement in the mean, and from where on it is said."""

    type: str
    severity: Severity
    threshold: float
    is_floor: bool
    measure: Callable[[Reply], float | None]
    weigh: Callable[[Reply], float] = lambda _: 1
    message: str | _StrPromise
    action: str | _StrPromise

    def is_broken(self, value: float) -> bool:
        """Whether a value is beyond the threshold; the threshold itself is fine."""
        return value < self.threshold if self.is_floor else value > self.threshold


RULES = (
    Rule(
        type="slow_generation",
        severity="high",
        threshold=10.0,
        is_floor=True,
        measure=lambda reply: reply.tokens_per_second,
        message=_("Replies are written at {value:.1f} tokens per second, slower than {threshold:.0f}."),
        action=_("Choose a smaller or more quantised model, or add a GPU or workers with fewer slots."),
    ),
    Rule(
        type="high_latency",
        severity="medium",
        threshold=5.0,
        is_floor=False,
        measure=lambda reply: None if reply.response_time_ms is None else reply.response_time_ms / 1000,
        message=_("A reply takes {value:.1f} s from the question to its end, longer than {threshold:.0f} s."),
        action=_("Ask for shorter answers (max_tokens), add workers where replies wait, shorten contexts."),
    ),
    Rule(
        type="large_context",
        severity="medium",
        threshold=3000.0,
        is_floor=False,
        measure=lambda reply: reply.prompt_tokens,
        message=_("Prompts have {value:.0f} tokens, more than {threshold:.0f}."),
        action=_("Set context_policy to sliding_window or compress, or begin a new chat for a new topic."),
    ),
    Rule(
        type="low_cache_reuse",
        severity="low",
        threshold=0.5,
        is_floor=True,
        measure=lambda reply: reply.cached_tokens / reply.prompt_tokens if reply.prompt_tokens else None,
        weigh=lambda reply: reply.prompt_tokens,
        message=_("{value:.0%} of the prompt tokens were already computed, less than {threshold:.0%}."),
        action=_("Keep system prompts alike, what changes at the end; raise SPARE_STREAMS or RETAINED_MIB."),
    ),
)


def recommend(*, user: User | None = None, session_id: UUID | None = None) -> list[Recommendation]:
    """For one session, for what one person asked, or for everything, by the latest replies; one query."""
    rows = Generation.objects.filter(status=GenerationStatus.SUCCEEDED)
    latest = "-created_at"
    if session_id is not None:
        rows = rows.filter(session_id=session_id)
    elif user is not None:
        rows = rows.filter(user=user)
    else:
        rows, latest = rows.filter(Q(finished_at__isnull=False)), "-finished_at"
    found = rows.order_by(latest).values_list("id", "session_id", "prompt_tokens", "cached_tokens", "metrics")
    limit = JUDGED_OF_ALL if user is None and session_id is None else JUDGED_REPLIES
    return judge(
        [
            Reply(
                id=row_id,
                session_id=session,
                tokens_per_second=metrics.get("tokens_per_second"),
                response_time_ms=metrics.get("response_time_ms"),
                prompt_tokens=prompt,
                cached_tokens=cached,
            )
            for row_id, session, prompt, cached, metrics in found[:limit]
        ]
    )


def judge(replies: Sequence[Reply]) -> list[Recommendation]:
    """What `RULES` say of replies, the latest first. One reply alone says nothing."""
    return [found for rule in RULES if (found := _apply(rule, replies)) is not None]


def _apply(rule: Rule, replies: Sequence[Reply]) -> Recommendation | None:
    measured = [(reply, value) for reply in replies if (value := rule.measure(reply)) is not None]
    weight = sum(rule.weigh(reply) for reply, _ in measured)
    if len(measured) < MIN_REPLIES or not weight:
        return None
    mean = sum(value * rule.weigh(reply) for reply, value in measured) / weight
    if not rule.is_broken(mean):
        return None
    broken = [(reply, value) for reply, value in measured if rule.is_broken(value)]
    return Recommendation(
        type=rule.type,
        severity=rule.severity,
        message=str(rule.message).format(value=mean, threshold=rule.threshold),
        action=str(rule.action),
        value=round(mean, 3),
        threshold=rule.threshold,
        generations=[
            Example(generation_id=reply.id, session_id=reply.session_id, value=round(value, 3))
            for reply, value in broken[:EXAMPLES]
        ],
    )
