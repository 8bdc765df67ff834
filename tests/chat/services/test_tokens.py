from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from chat.models import TokenFamily, User
from chat.services.errors import NotLoggedIn
from chat.services.tokens import Tokens, find_token_user, log_in, log_out, refresh_tokens
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return make_user(username="ann")


def enter() -> Tokens:
    return log_in(username="ann", password="secret")


def test_an_access_token_is_its_user(ann: User) -> None:
    tokens = enter()
    assert find_token_user(access=tokens.access) == ann
    assert (tokens.expires_in, tokens.refresh_expires_in) == (900, 14 * 86_400)


@pytest.mark.parametrize(
    ("username", "password"), [("ann", "wrong"), ("bob", "secret"), ("\0", "x"), ("ann", "")]
)
def test_who_does_not_get_in(ann: User, username: str, password: str) -> None:
    with pytest.raises(NotLoggedIn):
        log_in(username=username, password=password)


def test_a_refresh_token_works_once_and_its_second_use_ends_the_login(ann: User) -> None:
    first = enter()
    second = refresh_tokens(refresh=first.refresh)
    third = refresh_tokens(refresh=second.refresh)
    assert find_token_user(access=third.access) == ann
    with pytest.raises(NotLoggedIn, match="used before"):
        refresh_tokens(refresh=first.refresh)
    for access in (first.access, second.access, third.access):
        assert find_token_user(access=access) is None
    with pytest.raises(NotLoggedIn):
        refresh_tokens(refresh=third.refresh)


def test_logins_end_one_by_one(ann: User) -> None:
    here, there = enter(), enter()
    log_out(refresh=here.refresh)
    log_out(refresh=here.refresh)
    assert find_token_user(access=here.access) is None
    assert find_token_user(access=there.access) == ann


def suspend(user: User) -> None:
    user.is_active = False
    user.save()


def change_password(user: User) -> None:
    user.set_password("another")
    user.save()


def expire(user: User) -> None:
    TokenFamily.objects.update(expires_at=timezone.now())


@pytest.mark.parametrize("happens", [suspend, change_password, expire])
def test_what_ends_a_login(ann: User, happens: Callable[[User], None]) -> None:
    tokens = enter()
    happens(ann)
    assert find_token_user(access=tokens.access) is None
    with pytest.raises(NotLoggedIn):
        refresh_tokens(refresh=tokens.refresh)


def test_one_kind_is_not_the_other(ann: User) -> None:
    tokens = enter()
    assert find_token_user(access=tokens.refresh) is None
    with pytest.raises(NotLoggedIn):
        refresh_tokens(refresh=tokens.access)


def test_forgeries(ann: User, settings: Any) -> None:
    claims = jwt.decode(enter().access, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256"),
        enter().access[:-2],
        "a.b.c",
        "",
        "\udc00",
    ]
    for token in forged:
        assert find_token_user(access=token) is None


def test_an_access_token_does_not_last(ann: User, settings: Any) -> None:
    settings.ACCESS_TOKEN_SECONDS = -1
    assert find_token_user(access=enter().access) is None


def test_old_logins_are_forgotten_at_the_next(ann: User) -> None:
    enter()
    TokenFamily.objects.update(expires_at=timezone.now() - timedelta(days=1))
    enter()
    assert TokenFamily.objects.count() == 1
