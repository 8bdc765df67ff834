"""Who may call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import Client
from django.utils import timezone
from ninja.constants import NOT_SET

from chat.api import urls
from chat.api.auth import ASYNC_LOGGED_IN
from chat.api.openai import urls as openai_urls
from chat.models import ApiKey
from tests.support.api import CHAT, Caller
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def async_operations() -> list[Any]:
    """Each with who may call it."""
    routers = [router for api in (urls.api, urls.ai_api, openai_urls.api) for _, router in api._routers]
    return [
        pytest.param(
            router.auth if each.auth_param is NOT_SET else each.auth_param, id=each.view_func.__name__
        )
        for router in routers
        for view in router.path_operations.values()
        for each in view.operations
        if each.is_async
    ]


@pytest.mark.parametrize("auth", async_operations())
def test_whoever_is_let_in_holds_no_connection_while_a_reply_is_awaited(auth: Any) -> None:
    assert auth is ASYNC_LOGGED_IN


def test_a_key_acts_for_its_user(ada: Caller) -> None:
    assert ada.post("sessions").json()["user_id"] == str(ada.user.id)


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_an_old_key_is_none(ada: Caller, field: str) -> None:
    ApiKey.objects.update(**{field: timezone.now() - timedelta(seconds=1)})
    response = ada.get("sessions")
    assert (response.status_code, response.json()["error_code"]) == (401, "NOT_LOGGED_IN")


def test_a_key_of_a_suspended_user_is_none(ada: Caller) -> None:
    ada.user.is_active = False
    ada.user.save()
    assert ada.get("sessions").status_code == 401


def test_a_wrong_key_is_not_saved_by_a_cookie(ada: Caller) -> None:
    ada.client.force_login(ada.user)
    assert ada.client.get(f"{CHAT}sessions", headers={"Authorization": "Bearer pk_no"}).status_code == 401


def test_a_cookie_needs_its_token_only_to_write() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"{CHAT}sessions").status_code == 401
    client.force_login(make_user())
    assert client.get(f"{CHAT}sessions").status_code == 200
    refused = client.post(f"{CHAT}sessions")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "NOT_ALLOWED")
    assert "X-CSRFToken" in refused.json()["details"]["message"]
    request = HttpRequest()
    token = get_token(request)
    client.cookies["csrftoken"] = request.META["CSRF_COOKIE"]
    headers = {"X-CSRFToken": token}
    response = client.post(f"{CHAT}sessions", "{}", content_type="application/json", headers=headers)
    assert response.status_code == 201
