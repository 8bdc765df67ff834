"""Writing the audit log: in the transaction of what it tells of, one entry after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from chat.models import AuditEntry, AuditHead, User


@transaction.atomic
def record(
    *,
    actor: User | None,
    action: str,
    subject: Model | None = None,
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry. It stands if the caller's transaction does.

    The head is locked until the end of that transaction, so that numbers have no gaps: call this last.
    """
    head, _ = AuditHead.objects.select_for_update().get_or_create(id=1)
    entry = AuditEntry(
        number=head.number + 1,
        at=timezone.now(),
        actor_id=actor.id if actor else None,
        actor_name=actor.username if actor else "",
        action=action,
        subject_type=subject._meta.model_name or "" if subject else "",
        subject_id=str(subject.pk) if subject else "",
        details=json.dumps(dict(details or {}), sort_keys=True, default=str),
        previous_hash=head.hash,
    )
    entry.hash = entry.compute_hash()
    entry.save(force_insert=True)
    AuditHead.objects.filter(id=1).update(number=entry.number, hash=entry.hash)
    return entry
