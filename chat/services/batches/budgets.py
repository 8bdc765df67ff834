"""How much the unfinished batch jobs of a user may ask for together: OpenAI's limit of what is enqueued."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from django.conf import settings
from django.db.models import Sum

from chat.models import UNFINISHED, BatchJob
from chat.selectors.limits import limits_of
from inference.types.errors import Reason


def exceeded(*, job: BatchJob, lines: int, tokens: int) -> Iterator[tuple[str, Reason]]:
    """The code and the reason of each budget that so much more of this job would exceed."""
    others = BatchJob.objects.filter(user=job.user, purpose="", status__in=UNFINISHED).exclude(id=job.id)
    queued = others.aggregate(lines=Sum("total"), tokens=Sum("estimated_tokens"))
    limit = settings.MAX_BATCH_LINES_PER_USER
    if (queued["lines"] or 0) + lines > limit:
        why = Reason("Your unfinished batches would have more than %(limit)s lines.", {"limit": limit})
        yield "line_limit_exceeded", why
    limit = min(settings.MAX_BATCH_TOKENS_PER_USER, limits_of(job.user).tokens_per_day or sys.maxsize)
    if (queued["tokens"] or 0) + tokens > limit:
        why = Reason(
            "Your unfinished batches would have more than %(limit)s prompt tokens.", {"limit": limit}
        )
        yield "token_limit_exceeded", why
