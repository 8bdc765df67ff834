"""Reading the audit log: is it whole, and what does it say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Max

from chat.models import AuditEntry, AuditHead
from chat.models.audit import GENESIS


@dataclass(frozen=True)
class Verdict:
    """`count` entries follow from each other up to `hash`; `broken` is the first that does not."""

    count: int
    hash: str
    broken: int | None = None
    reason: str = ""


def verify_log() -> Verdict:
    """Compute every hash anew. While entries are added it looks at those that were there when it began."""
    newest = AuditEntry.objects.aggregate(number=Max("number"))["number"] or 0
    head = AuditHead.objects.filter(id=1).first() or AuditHead()
    number, last = 0, GENESIS
    for entry in AuditEntry.objects.filter(number__lte=head.number).order_by("number").iterator():
        reason = _fault(entry, number + 1, last)
        if reason:
            return Verdict(number, last, min(number + 1, entry.number), reason)
        number, last = entry.number, entry.hash
    if number < head.number:
        return Verdict(number, last, number + 1, "it and everything after it is missing")
    if last != head.hash:
        return Verdict(number, last, number, "the log's head has another hash")
    if newest > head.number:
        return Verdict(number, last, head.number + 1, "it was added behind the log's head")
    return Verdict(number, last)


def export_log() -> Iterator[dict[str, Any]]:
    """Every entry with its hashes, oldest first."""
    for entry in AuditEntry.objects.order_by("number").iterator():
        yield {
            "number": entry.number,
            "at": entry.at.isoformat(),
            "actor_id": str(entry.actor_id) if entry.actor_id else None,
            "actor_name": entry.actor_name,
            "action": entry.action,
            "subject_type": entry.subject_type,
            "subject_id": entry.subject_id,
            "details": entry.details,
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        }


def _fault(entry: AuditEntry, number: int, previous: str) -> str:
    if entry.number != number:
        return "it is missing" if entry.number > number else "its number is below the first"
    if entry.previous_hash != previous:
        return "it does not follow from the entry before it"
    return "" if entry.hash == entry.compute_hash() else "it says something else than was recorded"
