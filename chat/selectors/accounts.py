"""Accounts as their owners see them."""

from __future__ import annotations

from uuid import UUID

from chat.models import ApiKey, User


def list_api_keys(user: User) -> list[ApiKey]:
    """All of a person's keys, revoked ones too, the newest first."""
    return list(ApiKey.objects.filter(user=user).order_by("-created_at", "id"))


def find_api_key_of(*, user: User, key_id: UUID) -> ApiKey | None:
    """The key, if it is this person's."""
    return ApiKey.objects.filter(user=user, id=key_id).first()
