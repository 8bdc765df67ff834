"""Word of a job's end: left with the end itself, delivered later, tried again until it arrives."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException
from typing import Any
from uuid import UUID

from django.core.mail import send_mail
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.models import BatchJob, BatchNotice, BatchStatus, Channel
from chat.selectors.prepared import Prepared
from chat.services.generations.leases import database_time
from chat.services.webhooks import WebhookFailed, send_webhook

logger = logging.getLogger(__name__)

RETRY_AFTER = (
    *(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10)),
    *(timedelta(hours=1), timedelta(hours=3), timedelta(hours=6), timedelta(hours=12)),
)
"""Between one try and the next; after the last it is given up."""

EVENTS = {
    "completed": "batch.completed",
    "failed": "batch.failed",
    "expired": "batch.expired",
    "cancelled": "batch.cancelled",
}


def leave_notices(*, job_id: UUID) -> None:
    """Within the transaction that ends a job: note who has to hear of it."""
    job = BatchJob.objects.select_related("user").get(id=job_id)
    targets = {Channel.WEBHOOK: job.webhook_url, Channel.EMAIL: job.user.email if job.notify_email else ""}
    BatchNotice.objects.bulk_create(
        BatchNotice(job=job, channel=channel, target=target, payload=_payload(job), due_at=Now())
        for channel, target in targets.items()
        if target
    )


def _payload(job: BatchJob) -> dict[str, Any]:
    return {
        "type": EVENTS[job.status],
        "data": {
            "id": f"batch_{job.id.hex}",
            "status": job.status,
            "request_counts": {"total": job.total, "completed": job.completed, "failed": job.failed},
            "metadata": job.metadata,
        },
    }


def deliver_notices() -> int:
    """Send what is due; returns how much arrived. What does not is tried again, later and later."""
    if not _any_due.rows():
        return 0
    due = _due().select_related("job__input_file", "job__user").order_by("due_at")[:20]
    return sum(_deliver(notice) for notice in due)


@Prepared
def _any_due() -> QuerySet[BatchNotice, Any]:
    return _due().values_list("id")[:1]


def _due() -> QuerySet[BatchNotice]:
    return BatchNotice.objects.filter(due_at__lte=Now())


def _deliver(notice: BatchNotice) -> bool:
    # Taken before it is sent: of two workers one sends it, and one that dies over it leaves it due again.
    later = RETRY_AFTER[notice.tries] if notice.tries < len(RETRY_AFTER) else None
    taken = BatchNotice.objects.filter(id=notice.id, tries=notice.tries, due_at__lte=Now()).update(
        tries=notice.tries + 1, due_at=database_time(later) if later else None
    )
    if not taken:
        return False
    outcome: dict[str, Any] = {"delivered_at": Now(), "due_at": None, "last_error": ""}
    try:
        _send(notice)
    except (WebhookFailed, OSError, SMTPException) as error:
        outcome = {"last_error": str(error)[:300]}
        logger.warning("notice %s by %s was not delivered: %s", notice.id, notice.channel, error)
    BatchNotice.objects.filter(id=notice.id).update(**outcome)
    return "delivered_at" in outcome


def _send(notice: BatchNotice) -> None:
    if notice.channel == Channel.WEBHOOK:
        payload = notice.payload | {
            "id": f"evt_{notice.id.hex}",
            "object": "event",
            "created_at": int(notice.created_at.timestamp()),
            "timestamp": notice.created_at.isoformat(),
        }
        send_webhook(
            url=notice.target,
            user_id=notice.job.user_id,
            message_id=f"msg_{notice.id.hex}",
            at=timezone.now(),
            payload=payload,
        )
        return
    with override(notice.job.user.own_language):
        subject, message = _mail(notice.job, notice.payload["data"])
    send_mail(subject=subject, message=message, from_email=None, recipient_list=[notice.target])


def _mail(job: BatchJob, told: dict[str, Any]) -> tuple[str, str]:
    """Subject and text: which file it was, and what came of it."""
    said = {
        "name": " ".join(job.input_file.filename.split()) if job.input_file else _("a file that was deleted"),
        "status": BatchStatus(told["status"]).label,
        "id": told["id"],
        "outcome": _outcome(job, told),
    }
    return (
        _("%(status)s: batch of %(name)s") % said,
        _("Your batch %(id)s of %(name)s has ended (%(status)s): %(outcome)s") % said,
    )


def _outcome(job: BatchJob, told: dict[str, Any]) -> str:
    if told["status"] != BatchStatus.FAILED:
        counts: dict[str, int] = told["request_counts"]
        return _("%(completed)s of %(total)s lines have a result, %(failed)s failed.") % counts
    first = job.shown_errors[0]
    return _("line %(line)s: %(message)s") % first if first["line"] else str(first["message"])
