"""Request ids."""

from __future__ import annotations

import logging

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client

from chat.api.middleware import RequestMiddleware
from chat.log_context import LogContextFilter, choose_id


@pytest.mark.parametrize("given", ["", "two words", "x" * 101, "línea", "a\nb"])
def test_an_id_that_could_not_stand_in_a_log_is_replaced(given: str) -> None:
    assert len(choose_id(given)) == 32
    assert choose_id(given) != given


@pytest.mark.django_db
def test_every_response_has_one() -> None:
    assert (
        Client().get("/api/v1/chat/sessions", headers={"X-Request-Id": "mine-1"})["X-Request-Id"] == "mine-1"
    )
    assert len(Client().get("/accounts/login/")["X-Request-Id"]) == 32


async def test_it_is_in_the_log_of_what_happens_meanwhile() -> None:
    seen = []

    async def respond(request: HttpRequest) -> HttpResponse:
        record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
        assert LogContextFilter().filter(record)
        seen.append(record.__dict__["request_id"])
        return HttpResponse()

    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = "mine-2"
    response = RequestMiddleware(respond)(request)
    assert (await response)["X-Request-Id"] == "mine-2"  # type: ignore[misc]
    assert seen == ["mine-2"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pk_no"}])
@pytest.mark.parametrize(
    ("path", "said"), [("/v1/models", "message"), ("/api/v1/chat/sessions", "error_code")]
)
def test_a_strange_host_is_told_so_in_the_envelope(path: str, said: str, headers: dict[str, str]) -> None:
    client = Client(headers=headers | {"Accept-Language": "de"})
    response = client.get(path, SERVER_NAME="elsewhere.example.org")
    body = response.json()
    assert (response.status_code, "Namen dieses Servers" in response.content.decode()) == (400, True)
    assert said in (body["error"] if path.startswith("/v1/") else body)
    assert response["X-Request-Id"]
