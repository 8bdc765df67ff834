"""A message in a conversation that may not exist yet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from chat.models import User
from chat.services.replies import Turn
from chat.services.sessions import create_session
from chat.services.turns import start_turn


def start_live(
    *,
    user: User,
    content: str,
    session_id: UUID | None,
    system_prompt: str | None = None,
    options: dict[str, Any] | None = None,
) -> Turn:
    """Start a turn, in a new session without `session_id`. A `ServiceError` leaves nothing behind."""
    given = dict(options or {})
    if system_prompt is not None:
        given["system_prompt"] = system_prompt
    with transaction.atomic():
        if session_id is None:
            session_id = create_session(user=user).id
        return start_turn(user=user, session_id=session_id, content=content, options=given)
