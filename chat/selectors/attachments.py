"""The files of a session."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from chat.models import Attachment, User


def find_attachment(*, user: User, attachment_id: UUID) -> Attachment | None:
    """One of a session this person takes part in, unless its message is hidden; before it is sent, only
    one's own.
    """
    row = (
        Attachment.objects.select_related("file")
        .filter(id=attachment_id, session__participants__user=user, message__hidden_at=None)
        .first()
    )
    return row if row is not None and (row.message_id is not None or row.file.user_id == user.id) else None


def attached_texts(message_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What the model reads of the files of each message, in one query."""
    texts: dict[UUID, str] = {}
    asked = list(message_ids)
    if not asked:  # mostly; Django would take long to find out
        return texts
    rows = Attachment.objects.filter(message__in=asked).select_related("file")
    for row in rows.only("message_id", "text", "is_truncated", "file__filename"):
        if row.message_id is not None:
            cut = "\n[cut here]" if row.is_truncated else ""
            name = row.file.filename.replace('"', "'")
            texts[row.message_id] = (
                texts.get(row.message_id, "") + f'<file name="{name}">\n{row.text}{cut}\n</file>\n\n'
            )
    return texts
