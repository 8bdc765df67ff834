"""Tokens and keys over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from chat.models import User
from chat.services import ratelimit
from chat.services.accounts import create_api_key
from chat.services.ratelimit import Bucket, Quota, Verdict
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db
AUTH = "/api/v1/auth/"


@pytest.fixture
def ann() -> User:
    return make_user(username="ann")


def send(method: str, path: str, body: Any = None, *, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = Client(headers=headers)
    data = "" if body is None else json.dumps(body)
    return client.generic(method, path, data, content_type="application/json")


def log_in() -> dict[str, Any]:
    response = send("POST", f"{AUTH}token", {"username": "ann", "password": "secret"})
    assert response.status_code == 200
    tokens: dict[str, Any] = response.json()
    return tokens


def test_a_token_opens_what_a_key_opens(ann: User) -> None:
    tokens = log_in()
    assert tokens["token_type"] == "Bearer"
    made = send("POST", "/api/v1/chat/sessions", {}, token=tokens["access"])
    assert (made.status_code, made.json()["user_id"]) == (201, str(ann.id))
    assert send("GET", "/v1/models", token=tokens["access"]).status_code == 200
    assert send("GET", "/api/v1/chat/sessions", token=tokens["refresh"]).status_code == 401


def test_a_wrong_password_is_401_in_the_envelope(ann: User) -> None:
    response = send("POST", f"{AUTH}token", {"username": "ann", "password": "wrong"})
    assert response.status_code == 401
    assert response.json()["error_code"] == "NOT_LOGGED_IN"


def test_rotation_and_logout(ann: User) -> None:
    first = log_in()
    second = send("POST", f"{AUTH}token/refresh", {"refresh": first["refresh"]}).json()
    assert send("POST", f"{AUTH}token/revoke", {"refresh": second["refresh"]}).status_code == 200
    assert send("GET", "/api/v1/chat/sessions", token=second["access"]).status_code == 401
    assert send("POST", f"{AUTH}token/refresh", {"refresh": second["refresh"]}).status_code == 401


def test_keys_are_made_listed_and_revoked(ann: User) -> None:
    token = log_in()["access"]
    made = send("POST", f"{AUTH}keys", {"name": "robot", "scopes": ["chat:read"]}, token=token)
    assert made.status_code == 201
    secret, id_ = made.json()["key"], made.json()["id"]
    assert send("GET", "/api/v1/chat/sessions", token=secret).status_code == 200
    assert send("POST", "/api/v1/chat/sessions", {}, token=secret).status_code == 403
    [listed] = send("GET", f"{AUTH}keys", token=token).json()["keys"]
    assert (listed["id"], listed["prefix"], "key" in listed) == (id_, secret[:12], False)
    assert listed["last_used_at"] is not None
    assert send("DELETE", f"{AUTH}keys/{id_}", token=token).status_code == 200
    assert send("GET", "/api/v1/chat/sessions", token=secret).status_code == 401
    [listed] = send("GET", f"{AUTH}keys", token=token).json()["keys"]
    assert listed["revoked_at"] is not None


@pytest.mark.parametrize(
    ("expires_at", "status"),
    [("2100-01-01T00:00:00", 201), ("2001-01-01T00:00:00", 422), ("9999-12-31T23:00:00-14:00", 422)],
)
def test_the_end_of_a_key_may_name_no_zone(ann: User, expires_at: str, status: int) -> None:
    page = Client()
    page.force_login(ann)
    response = page.post(f"{AUTH}keys", {"expires_at": expires_at}, content_type="application/json")
    assert response.status_code == status
    if status == 201:
        assert response.json()["expires_at"] == "2100-01-01T00:00:00Z"


def test_somebody_else_s_key_is_not_there(ann: User) -> None:
    id_ = send("POST", f"{AUTH}keys", {}, token=log_in()["access"]).json()["id"]
    make_user(username="bob")
    bob = send("POST", f"{AUTH}token", {"username": "bob", "password": "secret"}).json()["access"]
    assert send("DELETE", f"{AUTH}keys/{id_}", token=bob).status_code == 404
    assert send("GET", f"{AUTH}keys", token=bob).json()["total_count"] == 0


def test_a_service_s_scope_is_for_staff_to_give(ann: User) -> None:
    body = {"scopes": ["messages:write"]}
    assert send("POST", f"{AUTH}keys", body, token=log_in()["access"]).status_code == 403
    User.objects.update(is_staff=True)
    assert send("POST", f"{AUTH}keys", body, token=log_in()["access"]).status_code == 201


def test_limits_are_in_every_answer(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    token = log_in()["access"]
    user, key = Bucket("user", "u", 2.0, 20), Bucket("key", "k", 1.0, 60)
    left: dict[str, Any] = {"allowed": True, "quotas": (Quota(user, 15.5), Quota(key, 3.0))}
    monkeypatch.setattr("chat.api.auth.count_request", lambda caller: Verdict(**left))
    response = send("GET", "/api/v1/chat/sessions", token=token)
    assert response["RateLimit-Policy"] == '"user";q=20;w=10, "key";q=60;w=60'
    assert response["RateLimit"] == '"user";r=15;t=3, "key";r=3;t=57'
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    assert [response[name] for name in names] == ["60", "3", "57"]
    left |= {"allowed": False, "quotas": (Quota(user, 0.2),)}
    for path in ("/api/v1/chat/sessions", "/v1/models"):
        refused = send("GET", path, token=token)
        assert (refused.status_code, refused["Retry-After"]) == (429, "1")
        assert refused["RateLimit"] == '"user";r=0;t=10'
    left["allowed"] = True
    _, secret = create_api_key(user=ann, scopes=["openai"])
    refused = send("GET", "/api/v1/chat/sessions", token=secret)
    assert (refused.status_code, refused["RateLimit"]) == (403, '"user";r=0;t=10')


def test_logins_are_counted(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Quota(Bucket("login", "l", 1 / 6, 10), 0.0)
    monkeypatch.setattr(ratelimit, "take", lambda *buckets: Verdict(False, (empty,)))
    response = send("POST", f"{AUTH}token", {"username": "ann", "password": "secret"})
    assert (response.status_code, response["Retry-After"]) == (429, "6")
