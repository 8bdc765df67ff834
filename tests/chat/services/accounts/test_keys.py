from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import ApiKey, User
from chat.services.accounts import create_api_key, find_api_key, revoke_api_key
from chat.services.errors import InvalidRequest
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def key_owner(secret: str) -> User | None:
    found = find_api_key(secret=secret)
    return found.user if found is not None else None


def test_a_key_logs_in_and_its_secret_is_not_stored() -> None:
    user = make_user()
    key, secret = create_api_key(user=user, name="robot")
    assert secret.startswith("pk_")
    assert key.prefix == secret[:12]
    assert secret not in {str(value) for value in vars(ApiKey.objects.get()).values()}
    assert key_owner(secret) == user


def test_what_is_no_key() -> None:
    _, secret = create_api_key(user=make_user())
    for wrong in ("", "pk_", secret[:-1], secret + "x", secret[:12] + "x" * 31, "\udc00", "\0"):
        assert key_owner(wrong) is None


def test_revoked_expired_and_inactive() -> None:
    user = make_user()
    key, secret = create_api_key(user=user)
    moment = timezone.now()
    for change in ({"revoked_at": moment}, {"revoked_at": None, "expires_at": moment}):
        ApiKey.objects.filter(id=key.id).update(**change)
        assert key_owner(secret) is None
    ApiKey.objects.update(expires_at=moment + timedelta(hours=1))
    assert key_owner(secret) == user
    User.objects.update(is_active=False)
    assert key_owner(secret) is None


def test_use_is_noted_once_a_minute() -> None:
    key, secret = create_api_key(user=make_user())
    key_owner(secret)
    key.refresh_from_db()
    first = key.last_used_at
    key_owner(secret)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    key_owner(secret)
    key.refresh_from_db()
    assert first is not None
    assert key.last_used_at is not None
    assert key.last_used_at > first


def test_a_revoked_key_keeps_the_time_of_its_end() -> None:
    key, secret = create_api_key(user=make_user())
    revoke_api_key(key=key)
    first = ApiKey.objects.get().revoked_at
    revoke_api_key(key=key)
    assert ApiKey.objects.get().revoked_at == first
    assert key_owner(secret) is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"name": "\0"}, "name"),
    ],
)
def test_what_a_key_cannot_be(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        create_api_key(user=make_user(), **fields)
    assert caught.value.field == field
