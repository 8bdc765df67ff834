from __future__ import annotations

import pytest
import redis
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import Client
from ninja.errors import HttpError, ValidationError

from chat.api.urls import api
from chat.realtime import tickets
from chat.services import errors
from chat.services.accounts import create_api_key
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db
PATH = "/api/v1/chat/tickets"


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whose tickets were issued, without Redis."""
    owners: list[object] = []

    class Store:
        def set(self, key: str, value: str, *, ex: int) -> None:
            owners.append(value)

    monkeypatch.setattr(tickets, "redis_client", Store)
    return owners


def test_a_key_gets_a_ticket(issued: list[object]) -> None:
    user = make_user()
    _, secret = create_api_key(user=user)
    response = Client().post(PATH, headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 201
    assert len(response.json()["ticket"]) > 30
    assert response.json()["expires_in"] == 60
    assert issued == [str(user.id)]


def test_a_browser_needs_its_csrf_token(issued: list[object]) -> None:
    client, user = Client(enforce_csrf_checks=True), make_user()
    client.force_login(user)
    refused = client.post(PATH)
    assert refused.status_code == 403
    assert refused.json()["error_code"] == "NOT_ALLOWED"
    request = HttpRequest()
    token = get_token(request)
    client.cookies["csrftoken"] = request.META["CSRF_COOKIE"]
    response = client.post(PATH, headers={"X-CSRFToken": token})
    assert response.status_code == 201
    assert issued == [str(user.id)]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pk_wrong"}, {"Authorization": "Basic x"}])
def test_nobody_gets_none(headers: dict[str, str]) -> None:
    response = Client().post(PATH, headers=headers)
    assert response.status_code == 401
    body = response.json()
    assert (body["error"], body["error_code"]) == ("AuthenticationError", "NOT_LOGGED_IN")
    assert body["timestamp"].endswith("Z")


def test_without_redis_it_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = redis.Redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr(tickets, "redis_client", lambda: dead)
    client = Client()
    client.force_login(make_user())
    response = client.post(PATH)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["error_code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NotFound("No."), 404, "NOT_FOUND"),
        (errors.Forbidden("No."), 403, "FORBIDDEN"),
        (errors.ReplyInProgress("No."), 409, "REPLY_IN_PROGRESS"),
        (errors.TooManyRequests("No.", retry_after=7), 429, "TOO_MANY_REQUESTS"),
        (errors.InvalidContent("No.", field="content"), 422, "INVALID_CONTENT"),
        (HttpError(400, "No."), 400, "INVALID_INPUT"),
        (HttpError(418, "No."), 418, "HTTP_418"),
        (ValidationError([{"msg": "No.", "loc": ("body", "content")}]), 422, "INVALID_INPUT"),
    ],
)
def test_every_refusal_has_the_same_envelope(error: Exception, status: int, code: str) -> None:
    response = api.on_exception(HttpRequest(), error)
    assert response.status_code == status
    assert f'"error_code": "{code}"'.encode() in response.content
    assert b'"message": "No."' in response.content
    assert response.headers.get("Retry-After") == ("7" if status == 429 else None)
