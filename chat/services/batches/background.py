"""Work of the server's own that nobody waits for, on the path of batch lines: a title, a class, a summary."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils.module_loading import import_string

from chat.models import BatchJob, BatchLine, BatchPriority, BatchStatus, LineStatus, User
from chat.services.batches.hints import tell_workers
from chat.services.batches.lines import prefix_key
from inference.types.prompts import PromptMessage

logger = logging.getLogger(__name__)

ENDPOINT = "/v1/chat/completions"
MAX_WAITING = 1000
"""Lines of one job that have not ended; what is asked beyond them is not taken."""

HANDLERS = {
    "guard": "chat.services.moderation.guarding.take_score",
    "title": "chat.services.describing.take_title",
    "summary": "chat.services.describing.take_summary",
}
"""Who takes the results of which purpose: a `TakeResult` by its dotted name."""


@dataclass(frozen=True, kw_only=True)
class BackgroundResult:
    """How one line ended. `text` is what the model said, whole; with an `error` code it is empty."""

    subject: str
    user_id: UUID
    model: str
    text: str = ""
    finish_reason: str = ""
    error: str = ""


TakeResult = Callable[[BackgroundResult], None]


def submit_background(
    *,
    user: User,
    purpose: str,
    subject: str,
    model: str,
    messages: Sequence[PromptMessage],
    priority: BatchPriority = BatchPriority.HIGH,
    **options: Any,
) -> bool:
    """Ask a model something when a slot is idle; what it says goes to the handler of `purpose`.

    The line is claimed, paused, resumed after a crash and settled as any line of a batch, at batch priority.
    `HANDLERS[purpose]` names the handler. It is called once, with the end, in the transaction that settles
    the line: what it writes is committed with it, and what it raises is logged and undoes only its own
    writes. It runs in a worker, must be quick, and has to bear that its subject is gone.

    `subject` is what it is about, such as a message's id: up to 512 characters, one unfinished line for each.
    `messages` is the conversation, the system's first; `options` are a body's for `/v1/chat/completions`
    (`max_tokens`, `temperature`, `response_format`, …). `model` is one of our own: providers' models take no
    lines. Shares are the user's, as for batches; the first line's `priority` stays: HIGH goes before what
    else the user waits for, URGENT before everybody's.

    Works inside the caller's transaction, and locks in it the job, after any session. Returns whether there
    is a new line: not when one for this subject is unfinished, nor while 1,000 of this user, purpose and
    model are.
    """
    if purpose not in HANDLERS:
        raise ValueError(f"nobody takes the results of {purpose!r}")
    said = [{"role": message.role, "content": message.content} for message in messages]
    body = {"model": model, "messages": said} | options
    with transaction.atomic():
        job = _job(user, purpose, model, priority)
        earlier = BatchLine.objects.filter(job=job, custom_id=subject).first()
        is_open = earlier is not None and earlier.finished_at is None
        if is_open or job.total - job.completed - job.failed >= MAX_WAITING:
            return False
        if earlier is not None:
            earlier.delete()
        BatchLine.objects.create(
            job=job,
            number=job.total + 1,
            custom_id=subject,
            prefix=prefix_key(messages),
            body=msgspec.json.encode(body).decode(),
        )
        BatchJob.objects.filter(id=job.id).update(total=F("total") + 1, status=BatchStatus.IN_PROGRESS)
        tell_workers(job)
    return True


def hand_over(line: BatchLine) -> None:
    """Give the end of a line of the server's own to whoever asked for it."""
    text = line.choices[0]["text"] if line.choices else ""
    take_result: TakeResult = import_string(HANDLERS[line.job.purpose])
    take_result(
        BackgroundResult(
            subject=line.custom_id,
            user_id=line.job.user_id,
            model=line.job.model,
            text=text if line.status == LineStatus.SUCCEEDED else "",
            finish_reason=line.choices[0].get("finish_reason", "") if line.choices else "",
            error=line.error_code,
        )
    )


def _job(user: User, purpose: str, model: str, priority: BatchPriority) -> BatchJob:
    """The user's one job for this purpose and model, locked, so that two lines cannot have one subject."""
    job, _ = BatchJob.objects.get_or_create(
        user=user,
        purpose=purpose,
        model=model,
        defaults={"endpoint": ENDPOINT, "status": BatchStatus.COMPLETED, "priority": priority},
    )
    return BatchJob.objects.select_for_update().get(id=job.id)
