"""Creating, changing and deleting sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from chat.models import ChatSession, Participant, ParticipantRole, User
from chat.selectors.sessions import participant_role
from chat.selectors.workers import is_known_model
from chat.services.errors import Forbidden, InvalidRequest, NotFound, UnknownModel
from chat.services.options import validate_options
from chat.services.text import require_storable
from inference.types import MAX_TEMPLATE

LIMITS = {
    "title": 200,
    "llm_model": 100,
    "llm_provider": 50,
    "system_prompt": 60_000,
    "chat_template": MAX_TEMPLATE,
}
CHANGEABLE = frozenset({*LIMITS, "settings", "tags", "metadata", "is_active"})


def create_session(*, user: User, **fields: Any) -> ChatSession:
    """A new session that belongs to `user`. Fields: see `CHANGEABLE`; all have defaults."""
    checked = _check(fields)
    with transaction.atomic():
        session = ChatSession.objects.create(owner=user, **checked)
        Participant.objects.create(session=session, user=user, role=ParticipantRole.OWNER)
    return session


def update_session(*, user: User, session_id: UUID, **fields: Any) -> ChatSession:
    """Change a session's fields; its owner may."""
    checked = _check(fields)
    with transaction.atomic():
        session = _owned(user, session_id)
        for name, value in checked.items():
            setattr(session, name, value)
        session.save(update_fields=[*checked, "updated_at"])
    return session


def delete_session(*, user: User, session_id: UUID) -> None:
    """Delete a session with all its messages; its owner may."""
    with transaction.atomic():
        _owned(user, session_id).delete()


def _owned(user: User, session_id: UUID) -> ChatSession:
    role = participant_role(user_id=user.id, session_id=session_id)
    if role is None:
        raise NotFound("There is no such session.")
    if role != ParticipantRole.OWNER:
        raise Forbidden("Only the owner may change or delete a session.")
    return ChatSession.objects.select_for_update().get(id=session_id)


def _check(fields: dict[str, Any]) -> dict[str, Any]:
    for name in fields:
        if name not in CHANGEABLE:
            raise InvalidRequest(f"A session has no field named {name[:50]!r}.", field=name[:50])
    for name in LIMITS:
        _check_text(name, fields.get(name, ""))
    model = fields.get("llm_model")
    if model and not is_known_model(model):
        raise UnknownModel(f"There is no model named {model!r}.", field="llm_model")
    if fields.get("settings") is None:
        fields.pop("settings", None)
    else:
        fields["settings"] = validate_options(fields["settings"], field="settings")
    return fields


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > LIMITS[name]:
        raise InvalidRequest(f"{name} must be text of at most {LIMITS[name]} characters.", field=name)
    require_storable(value, field=name)
