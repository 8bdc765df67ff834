"""The keys programs log in with."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from chat.models import ApiKey, User
from chat.selectors.prepared import Param, Prepared, columns_of, read_as
from chat.services.errors import InvalidRequest
from chat.services.scopes import SCOPES
from chat.services.standing import require_good_standing
from chat.services.text import is_storable, require_storable

KEY_PREFIX = "pk_"
PREFIX_LENGTH = 12
USED_RESOLUTION = timedelta(minutes=1)


def create_api_key(
    *,
    user: User,
    name: str = "",
    scopes: Collection[str] = (),
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """A key and its secret, which is shown once and not stored."""
    unknown = set(scopes) - SCOPES
    if unknown:
        known = ", ".join(sorted(SCOPES))
        raise InvalidRequest(
            "scopes may be %(known)s: not '%(unknown)s'.",
            field="scopes",
            values={"known": known, "unknown": min(unknown)[:50]},
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest("expires_at must be in the future.", field="expires_at")
    require_storable(name, field="name", error=InvalidRequest)
    secret = f"{KEY_PREFIX}{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        user=user,
        name=name or "default",
        prefix=secret[:PREFIX_LENGTH],
        digest=_digest(secret),
        scopes=sorted(scopes),
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
    )
    return key, secret


def revoke_api_key(*, key: ApiKey) -> None:
    """From now on it logs nobody in; again is harmless."""
    ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=timezone.now())


def find_api_key(*, secret: str) -> ApiKey | None:
    """The valid key of an active user that has this secret, or None. Raises `AccountSuspended`."""
    if not is_storable(secret):  # nor could a database look for it
        return None
    key = next(map(_read_key, _keys.rows(prefix=secret[:PREFIX_LENGTH])), None)
    if key is None or not hmac.compare_digest(key.digest, _digest(secret)):
        return None
    if not key.is_valid or not key.user.is_active:
        return None
    require_good_standing(key.user)
    _note_use(key)
    return key


@Prepared
def _keys() -> QuerySet[ApiKey, Any]:
    """With whose they are."""
    found = ApiKey.objects.filter(prefix=Param("prefix", ApiKey, "prefix"))
    return found.values_list(*columns_of(ApiKey), *(f"user__{name}" for name in columns_of(User)))


def _read_key(row: Sequence[Any]) -> ApiKey:
    columns = columns_of(ApiKey)
    key = read_as(ApiKey, columns, row[: len(columns)])
    key.user = read_as(User, columns_of(User), row[len(columns) :])
    return key


def _note_use(key: ApiKey) -> None:
    # Once a minute is enough, and spares a write per request.
    now = timezone.now()
    if key.last_used_at is not None and key.last_used_at >= now - USED_RESOLUTION:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USED_RESOLUTION)
    ApiKey.objects.filter(stale, id=key.id).update(last_used_at=now)


def _digest(secret: str) -> str:
    # The secret has 256 random bits, so a plain hash cannot be guessed.
    return hashlib.sha256(secret.encode()).hexdigest()
