"""Who looked at a case, for the audit log."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chat.models import AuditEntry, Case, User
from chat.services.audit import record

ONE_LOOK = timedelta(minutes=15)
"""Within it the same moderator's looks at the same case are one."""


def note_reading(*, actor: User, case: Case) -> None:
    """An entry for each look at what a case shows of a conversation."""
    before = AuditEntry.objects.filter(
        subject_type="case", subject_id=str(case.id), action="case.read", actor_id=actor.id
    )
    if not before.filter(at__gt=timezone.now() - ONE_LOOK).exists():
        record(actor=actor, action="case.read", subject=case)
