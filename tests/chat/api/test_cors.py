"""Which pages may call the APIs."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
PAGE = "https://front.example.org"


@pytest.fixture(autouse=True)
def _one_page(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [PAGE]


@pytest.mark.parametrize("path", ["/api/v1/chat/sessions", "/v1/models"])
def test_a_listed_page_may_ask_with_a_key_but_not_with_a_cookie(path: str) -> None:
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization, last-event-id"
    allowed = Client().options(path, headers=asks)
    assert (allowed.status_code, allowed["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert {"authorization", "last-event-id"} <= set(allowed["Access-Control-Allow-Headers"].split(", "))
    assert (
        "x-stainless-runtime-version" in allowed["Access-Control-Allow-Headers"]
    )  # OpenAI's client in a page
    answer = Client().get(path, headers={"Origin": PAGE})
    assert answer["Access-Control-Allow-Origin"] == PAGE
    assert "RateLimit" in answer["Access-Control-Expose-Headers"].split(", ")
    assert not answer.has_header("Access-Control-Allow-Credentials")


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/api/v1/chat/sessions", "https://evil.example"),
        ("/api/v1/chat/sessions", "null"),
        ("/api/v1/chat/sessions", f"{PAGE}.evil.example"),
        ("/accounts/login/", PAGE),
        ("/admin/", PAGE),
    ],
)
def test_nothing_else_is_open(path: str, origin: str) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for response in (Client().options(path, headers=asks), Client().get(path, headers={"Origin": origin})):
        assert not response.has_header("Access-Control-Allow-Origin")
