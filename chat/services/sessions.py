"""Creating, changing and deleting sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat.models import ACTIVE, ChatSession, Deletion, Generation, Participant, ParticipantRole, User
from chat.realtime.protocol.closing import Close, CloseSockets
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.publisher import publish
from chat.selectors.providers import is_known_provider
from chat.selectors.workers import is_known_model
from chat.services.access import lock_owned
from chat.services.attachments import forget_attachments
from chat.services.describing import tell_title
from chat.services.errors import InvalidRequest, UnknownModel
from chat.services.generations import request_cancel
from chat.services.holds import require_session_not_held
from chat.services.keeping import keep_copy
from chat.services.moderation.inspecting import screen_input
from chat.services.options import require_template, validate_options
from chat.services.planning import LOCAL
from chat.services.text import require_storable
from inference.types.prompts import MAX_TEMPLATE

LIMITS = {
    "title": 200,
    "llm_model": 100,
    "llm_provider": 50,
    "system_prompt": 60_000,
    "chat_template": MAX_TEMPLATE,
}
MAX_TAGS = 50
MAX_TAG_CHARS = 50
MAX_METADATA_BYTES = 16_384
STORED_INTEGERS = range(-(2**63), 2**63)
"""What every client of a session is told is packed into numbers of 64 bits."""
CHANGEABLE = frozenset({*LIMITS, "settings", "tags", "metadata", "is_active", "retention_days"})
LONGEST_RETENTION_DAYS = 36_500
AWAY = timedelta(minutes=10)
"""How long a temporary chat stays after everybody has left."""


def create_session(*, user: User, is_temporary: bool = False, **fields: Any) -> ChatSession:
    """A new session that belongs to `user`. Fields: see `CHANGEABLE`; all have defaults."""
    checked = _screened(user, check_fields(fields))
    if is_temporary:
        checked |= {"is_hidden": True, "temporary_until": timezone.now() + AWAY}
    with transaction.atomic():
        session = ChatSession.objects.create(owner=user, **checked)
        Participant.objects.create(session=session, user=user, role=ParticipantRole.OWNER)
    return session


def _screened(user: User, fields: dict[str, Any]) -> dict[str, Any]:
    """With masks in what the model is told. Raises `ContentBlocked`."""
    if not fields.get("system_prompt"):
        return fields
    seen = screen_input(user=user, text=fields["system_prompt"], field="system_prompt")
    return fields | {"system_prompt": seen.text}


def update_session(*, user: User, session_id: UUID, **fields: Any) -> ChatSession:
    """Change a session's fields; its owner may."""
    checked = _screened(user, check_fields(fields))
    with transaction.atomic():
        session = lock_owned(user=user, session_id=session_id)
        for name, value in checked.items():
            setattr(session, name, value)
        session.save(update_fields=[*checked, "updated_at"])
        if "title" in checked:
            tell_title(session.id, session.title)
    return session


def delete_session(*, user: User, session_id: UUID) -> Deletion | None:
    """Delete a session with all its messages, stop its replies and close its sockets; its owner may.

    Returns what it may be taken back by.
    """
    with transaction.atomic():
        session = lock_owned(user=user, session_id=session_id)
        require_session_not_held(session_id)
        cancel_all(session_id=session_id)
        deletion = keep_copy(user=user, session=session, rows=[session])
        forget_attachments(keep_bytes=deletion is not None, session=session)
        session.delete()
        close_sockets(session_id=session_id, code=Close.NO_SUCH_SESSION)
    return deletion


def cancel_all(*, session_id: UUID) -> None:
    """Stop every reply of a session that is waiting or being written."""
    active = Generation.objects.filter(session_id=session_id, status__in=ACTIVE)
    for generation_id in list(active.values_list("id", flat=True)):
        request_cancel(generation_id=generation_id)


def close_sockets(*, session_id: UUID, code: int, user_id: UUID | None = None) -> None:
    """Close a session's sockets after the commit, or one person's."""
    order = CloseSockets(code=code, user_id=str(user_id) if user_id is not None else None)
    transaction.on_commit(lambda: publish(session_group(session_id), Doorbell(events=[order])))


def check_metadata(metadata: dict[str, Any]) -> None:
    """Raise `InvalidRequest` unless `metadata` is small and can be stored."""
    for value in _values(metadata):
        if isinstance(value, str):
            require_storable(value, field="metadata", error=InvalidRequest)
        elif isinstance(value, int) and value not in STORED_INTEGERS:
            raise _too_large()
    try:
        size = len(json.dumps(metadata, allow_nan=False).encode())
    except ValueError as error:
        raise _too_large() from error
    if size > MAX_METADATA_BYTES:
        raise InvalidRequest(
            "metadata must be at most %(most)s bytes of JSON.",
            field="metadata",
            values={"most": MAX_METADATA_BYTES},
        )


def _too_large() -> InvalidRequest:
    return InvalidRequest("metadata has a number that is too large.", field="metadata")


def _values(value: Any) -> Iterator[Any]:
    """Names and values, at every depth."""
    match value:
        case list():
            for item in value:
                yield from _values(item)
        case dict():
            for name, item in value.items():
                yield name
                yield from _values(item)
        case _:
            yield value


def check_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """What may be stored of a session's fields. Raises a `ServiceError` that names the first wrong one."""
    for name in fields:
        if name not in CHANGEABLE:
            raise InvalidRequest(
                "A session has no field named '%(name)s'.", field=name[:50], values={"name": name[:50]}
            )
    for name in LIMITS:
        _check_text(name, fields.get(name, ""))
    require_template(fields.get("chat_template", ""), field="chat_template")
    _check_tags(fields.get("tags", []))
    _check_retention(fields.get("retention_days"))
    check_metadata(fields.get("metadata", {}))
    _check_provider(fields.get("llm_provider", LOCAL))
    model = fields.get("llm_model")
    if model and not is_known_model(model):
        raise UnknownModel("There is no model named '%(model)s'.", field="llm_model", values={"model": model})
    if fields.get("settings") is None:
        fields.pop("settings", None)
    else:
        fields["settings"] = validate_options(fields["settings"], field="settings")
    return fields


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > LIMITS[name]:
        raise InvalidRequest(
            "%(field)s must be text of at most %(limit)s characters.",
            field=name,
            values={"field": name, "limit": LIMITS[name]},
        )
    require_storable(value, field=name)


def _check_provider(name: str) -> None:
    if name != LOCAL and not is_known_provider(name.lower()):
        raise UnknownModel(
            "There is no provider named '%(provider)s': use %(local)s.",
            field="llm_provider",
            values={"provider": name, "local": LOCAL},
        )


def _check_retention(days: int | None) -> None:
    if days is not None and not 1 <= days <= LONGEST_RETENTION_DAYS:
        raise InvalidRequest(
            "retention_days must be a whole number of days from 1 to %(most)s, or null.",
            field="retention_days",
            values={"most": LONGEST_RETENTION_DAYS},
        )


def _check_tags(tags: list[str]) -> None:
    if len(tags) > MAX_TAGS or any(not 1 <= len(tag) <= MAX_TAG_CHARS for tag in tags):
        raise InvalidRequest(
            "A chat has at most %(most)s tags of 1 to %(limit)s characters.",
            field="tags",
            values={"most": MAX_TAGS, "limit": MAX_TAG_CHARS},
        )
    for tag in tags:
        require_storable(tag, field="tags", error=InvalidRequest)
