"""Presets: keeping, changing and forgetting them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from chat.models import Preset, User
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.sessions import check_fields
from chat.services.text import require_storable

MOST_PRESETS = 100
LONGEST_NAME = 60


def create_preset(*, user: User, name: str, is_shared: bool = False, **fields: Any) -> Preset:
    """A new one of the user's. Fields: `llm_model`, `system_prompt`, `settings`. Raises a `ServiceError`."""
    _require_right(user, is_shared)
    if Preset.objects.filter(owner=user).count() >= MOST_PRESETS:
        raise Conflict("You have %(most)s presets: delete one first.", values={"most": MOST_PRESETS})
    return _save(Preset(owner=user), name=name, is_shared=is_shared, **fields)


def change_preset(*, user: User, preset_id: UUID, **fields: Any) -> Preset:
    """Change what is given of one's own. Raises a `ServiceError`."""
    preset = _own(user, preset_id)
    _require_right(user, fields.get("is_shared", preset.is_shared))
    return _save(preset, **fields)


def delete_preset(*, user: User, preset_id: UUID) -> None:
    """Forget one's own; chats that began with it stay as they are. Raises `NotFound`."""
    _own(user, preset_id).delete()


def _own(user: User, preset_id: UUID) -> Preset:
    preset = Preset.objects.filter(id=preset_id, owner=user).first()
    if preset is None:
        raise NotFound("You have no such preset.")
    return preset


def _require_right(user: User, is_shared: bool) -> None:
    if is_shared and not user.is_superuser:
        raise Forbidden("Only administrators may share presets.", field="is_shared")


def _save(preset: Preset, *, name: str | None = None, is_shared: bool | None = None, **fields: Any) -> Preset:
    for field, value in check_fields(fields).items():
        setattr(preset, field, value)
    if name is not None:
        preset.name = _checked_name(name)
    if is_shared is not None:
        preset.is_shared = is_shared
    try:
        with transaction.atomic():
            preset.save()
    except IntegrityError as error:
        raise Conflict("You have a preset with this name already.", field="name") from error
    return preset


def _checked_name(name: str) -> str:
    words = " ".join(name.split())
    require_storable(words, field="name", error=InvalidRequest)
    if not 1 <= len(words) <= LONGEST_NAME:
        raise InvalidRequest(
            "name must have 1 to %(limit)s characters.", field="name", values={"limit": LONGEST_NAME}
        )
    return words
