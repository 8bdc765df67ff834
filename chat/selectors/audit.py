"""Reading the audit log: is it whole, and what does it say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Max

from chat.models import AuditEntry, AuditHead
from chat.models.audit import GENESIS

PAGE_SIZE = 50
NEWEST = 1000


@dataclass(frozen=True)
class Verdict:
    """`count` entries follow from each other up to `hash`; `broken` is the first that does not."""

    count: int
    hash: str
    broken: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class EntryPage:
    """The newest first; `next_number` is where the next page begins, `actions` those of late."""

    entries: list[AuditEntry]
    next_number: int | None
    actions: list[str]


def list_entries(
    *, actor: str = "", action: str = "", subject: str = "", before: int | None = None
) -> EntryPage:
    """By exact name of who acted, action, and id of what it was about; in two queries."""
    wanted = {"actor_name": actor, "action": action, "subject_id": subject, "number__lt": before}
    found = AuditEntry.objects.filter(**{name: value for name, value in wanted.items() if value})
    rows = list(found.order_by("-number")[: PAGE_SIZE + 1])
    latest = AuditEntry.objects.order_by("-number").values_list("action", flat=True)[:NEWEST]
    last = rows[PAGE_SIZE - 1].number if len(rows) > PAGE_SIZE else None
    return EntryPage(rows[:PAGE_SIZE], last, sorted(set(latest)))


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
