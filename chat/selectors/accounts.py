"""Accounts as their owners see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.utils import timezone

from chat.models import ApiKey, BatchJob, ChatMessage, MessageReaction, TokenFamily, User

BROWSER, TOKENS = "browser", "tokens"


@dataclass(frozen=True, kw_only=True)
class Device:
    """A login that is still good: a browser's, or that of a program with tokens."""

    id: str
    name: str
    address: str
    since: datetime
    is_current: bool = False


def names_of(ids: Collection[UUID]) -> dict[UUID, str]:
    """Usernames by id."""
    return dict(User.objects.filter(id__in=ids).values_list("id", "username"))


def list_api_keys(user: User) -> list[ApiKey]:
    """All of a person's keys, revoked ones too, the newest first."""
    return list(ApiKey.objects.filter(user=user).order_by("-created_at", "id"))


def find_api_key_of(*, user: User, key_id: UUID) -> ApiKey | None:
    """The key, if it is this person's."""
    return ApiKey.objects.filter(user=user, id=key_id).first()


def list_devices(user: User, *, current: str = "") -> list[Device]:
    """Where a person is logged in, the newest first; `current` is the key of the session that asks."""
    browsers = [
        Device(
            id=f"{BROWSER}-{row.pk}",
            name=row.user_agent,
            address=row.ip,
            since=row.created_at,
            is_current=row.session_key == current,
        )
        for row in UserSession.objects.filter(user=user)
        if row.exists()
    ]
    logins = TokenFamily.objects.filter(user=user, revoked_at=None, expires_at__gt=timezone.now())
    programs = [
        Device(id=f"{TOKENS}-{row.id.hex}", name="", address="", since=row.created_at) for row in logins
    ]
    return sorted(browsers + programs, key=lambda device: device.since, reverse=True)


def describe_account(user: User) -> dict[str, Any]:
    """What is known of a person beside conversations and files."""
    own = ("id", "username", "email", "language", "theme", "date_joined", "last_login")
    keys = ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    jobs = ("id", "status", "endpoint", "model", "total", "completed", "failed", "created_at", "metadata")
    elsewhere = ChatMessage.objects.filter(author=user, role="user").exclude(session__owner=user)
    return {
        "account": {name: getattr(user, name) for name in own} | {"role": user.role},
        "groups": list(user.groups.values_list("name", flat=True)),
        "api_keys": list(ApiKey.objects.filter(user=user).values(*keys)),
        "logins": [{"since": device.since, "name": device.name} for device in list_devices(user)],
        "batches": list(BatchJob.objects.filter(user=user).values(*jobs)),
        "reactions": list(MessageReaction.objects.filter(user=user).values("message_id", "emoji")),
        "messages_in_conversations_of_others": list(
            elsewhere.order_by("created_at").values("id", "session_id", "content", "created_at")
        ),
    }
