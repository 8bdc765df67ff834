"""Where a session stands in a person's own list: pinned, archived, in a folder."""

from __future__ import annotations

from uuid import UUID

from chat.models import Participant, User
from chat.services.errors import InvalidRequest, NotFound
from chat.services.text import require_storable

MAX_FOLDER_CHARS = 60


def arrange_session(
    *,
    user: User,
    session_id: UUID,
    is_pinned: bool | None = None,
    is_archived: bool | None = None,
    folder: str | None = None,
) -> None:
    """Change what is given, for this person alone. Raises `NotFound` or `InvalidRequest`."""
    given = {"is_pinned": is_pinned, "is_archived": is_archived, "folder": _checked(folder)}
    changes = {name: value for name, value in given.items() if value is not None}
    if not Participant.objects.filter(user=user, session_id=session_id).update(**changes):
        raise NotFound("There is no such session.")


def _checked(folder: str | None) -> str | None:
    if folder is None:
        return None
    require_storable(folder, field="folder", error=InvalidRequest)
    name = " ".join(folder.split())
    if len(name) > MAX_FOLDER_CHARS:
        raise InvalidRequest(
            "The name of a folder has at most %(limit)s characters.",
            field="folder",
            values={"limit": MAX_FOLDER_CHARS},
        )
    return name
