"""Taking a deletion back, and carrying out those that nobody took back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import (
    AppealStatus,
    Case,
    ChatMessage,
    ChatSession,
    Decision,
    Deletion,
    LegalHold,
    User,
)
from chat.selectors.messages import message_rows
from chat.services.access import require_writer
from chat.services.errors import Conflict, NotFound
from chat.services.keeping import put_back
from chat.services.messages import MOST_TOLD, count_messages
from chat.services.moderation.hiding import HIDING
from chat.services.telling import message_update, tell_session

PURGED_AT_ONCE = 100


def undo_deletion(*, user: User, deletion_id: UUID) -> UUID:
    """Take back what this person deleted a moment ago; returns its session. Raises `NotFound`, `Conflict`."""
    try:
        with transaction.atomic():
            return _undo(user, deletion_id)
    except IntegrityError as error:
        raise Conflict("Something else is in its place by now: it cannot be taken back.") from error


def forget_deletions(*, user: User) -> None:
    """Delete every copy that has words of this person, or is of a session of theirs."""
    for deletion in Deletion.objects.filter(people=user).defer("copy"):
        _dispose(deletion)


def purge_deletions() -> int:
    """Delete the copies that can no longer be taken back; returns how many. What is on legal hold stays."""
    held = LegalHold.objects.exclude(user=None).values("user")
    over = Deletion.objects.filter(until__lt=timezone.now()).exclude(people__in=held)
    rows = list(over.defer("copy")[:PURGED_AT_ONCE])
    for deletion in rows:
        _dispose(deletion)
    return len(rows)


def _undo(user: User, deletion_id: UUID) -> UUID:
    mine = Deletion.objects.select_for_update().filter(id=deletion_id, user=user)
    deletion = mine.filter(until__gte=timezone.now()).first()
    if deletion is None:
        raise NotFound("There is nothing to take back any more.")
    session_id = deletion.session_id
    is_there = ChatSession.objects.select_for_update().filter(id=session_id).first() is not None
    changed = put_back(deletion)
    _require_allowed(deletion, changed)
    require_writer(user=user, session_id=session_id)
    deletion.delete()
    if is_there:
        count_messages(session_id)
        # Newer than what anybody has heard of them, also where only polling finds them.
        ChatMessage.objects.filter(id__in=changed).update(updated_at=timezone.now())
        newest = message_rows().filter(id__in=changed).order_by("-created_at", "-id")[:MOST_TOLD]
        tell_session(session_id, [message_update(row, "updated") for row in newest])
    return session_id


def _require_allowed(deletion: Deletion, back: Collection[UUID]) -> None:
    """Raises `Conflict` where a moderator has decided meanwhile that one of them must go."""
    taken_at = deletion.until - timedelta(seconds=settings.UNDO_SECONDS)
    shown = Q(decision__in=HIDING, message__hidden_at=None)
    decided = Case.objects.filter(Q(decision=Decision.DELETE) | shown, message__in=back)
    stands = decided.exclude(appeal__status=AppealStatus.OVERTURNED)
    if stands.filter(decided_at__gte=taken_at).exists():
        raise Conflict("A moderator has decided meanwhile that it must go: it cannot be taken back.")


def _dispose(deletion: Deletion) -> None:
    with transaction.atomic():
        if not Deletion.objects.select_for_update().filter(id=deletion.id).values_list("id"):
            return  # taken back meanwhile: its files have rows again
        deletion.delete()
        for name in deletion.files:
            transaction.on_commit(partial(default_storage.delete, name))
