"""Accounts as their owners see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.utils import timezone

from chat.models import (
    ApiKey,
    Appeal,
    BatchJob,
    ChatMessage,
    MessageReaction,
    Notice,
    Participant,
    Preset,
    Report,
    TokenFamily,
    User,
)

BROWSER, TOKENS = "browser", "tokens"
# Browsers also say which others they are like: the first that is found is meant.
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac", "CrOS", "Linux")


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
            name=_device_name(row.user_agent),
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


def _device_name(user_agent: str) -> str:
    """Such as `Firefox, Windows`; what is unknown stays as it is."""
    browser = next((name for sign, name in BROWSERS.items() if sign in user_agent), "")
    system = next((name for name in SYSTEMS if name in user_agent), "")
    return f"{browser}, {system}" if browser and system else user_agent


def describe_account(user: User) -> dict[str, Any]:
    """What is known of a person beside conversations and files."""
    own = ("id", "username", "email", "language", "theme", "date_joined", "last_login")
    suspension = ("suspension", "suspension_reason", "suspended_at", "suspended_until")
    keys = ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    jobs = ("id", "status", "endpoint", "model", "total", "completed", "failed", "created_at", "metadata")
    places = ("session_id", "role", "folder", "is_pinned", "is_archived", "joined_at")
    presets = ("name", "llm_model", "system_prompt", "settings", "is_shared")
    reports = ("message_id", "kind", "words", "outcome", "created_at")
    mine = Participant.objects.filter(user=user, session__temporary_until=None)
    elsewhere = ChatMessage.objects.filter(author=user, role="user").exclude(session__owner=user)
    return {
        "account": {name: getattr(user, name) for name in own + suspension} | {"role": user.role},
        "groups": list(user.groups.values_list("name", flat=True)),
        "api_keys": list(ApiKey.objects.filter(user=user).values(*keys)),
        "logins": [
            {"since": device.since, "name": device.name, "address": device.address}
            for device in list_devices(user)
        ],
        "batches": list(BatchJob.objects.filter(user=user).values(*jobs)),
        "presets": list(Preset.objects.filter(owner=user).values(*presets)),
        "conversations": list(mine.values(*places)),
        "reports": list(Report.objects.filter(reporter=user).values(*reports)),
        "appeals": list(Appeal.objects.filter(appellant=user).values("words", "status", "created_at")),
        "notices": list(Notice.objects.filter(user=user).values("title", "body", "created_at", "read_at")),
        "reactions": list(MessageReaction.objects.filter(user=user).values("message_id", "emoji")),
        "messages_in_conversations_of_others": list(
            elsewhere.order_by("created_at").values("id", "session_id", "content", "created_at")
        ),
    }
