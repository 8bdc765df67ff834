"""Every error has the same shape."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.test import Client

from chat.api.v1 import sessions
from chat.services.errors import TooManyRequests
from tests.support.api import Caller
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db


def is_envelope(body: Any) -> bool:
    return set(body) == {"error", "error_code", "details", "timestamp"} and set(body["details"]) == {
        "field",
        "message",
    }


def raising(error: Exception) -> Any:
    def fail(**kwargs: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "INVALID_INPUT"),
        (b"\xff\xfe", 400, "INVALID_INPUT"),
        (b"[1]", 422, "INVALID_INPUT"),
        (b"[" * 60_000, 400, "INVALID_INPUT"),
        (b'{"title": "' + b"x" * 70_000 + b'"}', 413, "TOO_LARGE"),
    ],
)
def test_bodies_that_cannot_be_read(ada: Caller, settings: Any, body: bytes, status: int, code: str) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536
    response = ada.call("POST", "sessions", body)
    assert (response.status_code, response.json()["error_code"]) == (status, code)
    assert is_envelope(response.json())


@pytest.mark.parametrize(
    ("body", "field", "english", "german"),
    [
        ({"title": 5}, "title", "This should be a text.", "Das sollte ein Text sein."),
        ({"title": "x" * 201}, "title", "at most 200.", "höchstens 200 betragen."),
        ({"tags": "x"}, "tags", "This should be a list.", "Das sollte eine Liste sein."),
        (
            {"colour": 1},
            "colour",
            "Unknown fields are not permitted.",
            "Unbekannte Felder sind nicht erlaubt.",
        ),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_the_readers_language(
    ada: Caller, body: Any, field: str, english: str, german: str
) -> None:
    for language, sentence in (("en", english), ("de", german)):
        details = ada.post("sessions", body, headers={"Accept-Language": language}).json()["details"]
        assert details["field"] == field
        assert details["message"].endswith(sentence)


@pytest.mark.parametrize("path", ["/api/v1/chat/sessions", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("method", "body", "status", "english", "german"),
    [
        ("POST", b"{", 400, "see line 1, column 2.", "siehe Zeile 1, Spalte 2."),
        ("POST", b'{"n": NaN}', 400, "NaN is no number there.", "NaN ist dort keine Zahl."),
        ("POST", b'"\xff"', 400, "not UTF-8: see its byte 1.", "kein UTF-8: siehe ihr Byte 1."),
        ("POST", b"9" * 5000, 400, "a number that is too long.", "eine zu lange Zahl."),
        ("POST", b"[" * 60_000, 400, "nested too deeply.", "zu tief verschachtelt."),
        ("POST", b"[]", None, "This should be an object.", "Das sollte ein Objekt sein."),
        ("PATCH", b"{}", 405, "PATCH is not allowed here", "PATCH ist hier nicht erlaubt"),
    ],
)
def test_a_body_or_method_is_refused_in_the_readers_language(
    ada: Caller, path: str, method: str, body: bytes, status: int | None, english: str, german: str
) -> None:
    for language, sentence in (("en", english), ("de", german)):
        response = ada.call(method, path, body, headers={"Accept-Language": language})
        assert response.status_code == status or (status is None and response.status_code in (400, 422))
        assert sentence in str(response.json())


@pytest.mark.parametrize(
    ("body", "param", "english", "german"),
    [
        ({}, "model", "Missing required parameter: 'model'.", "Angabe fehlt: 'model'."),
        ({"model": "x", "input": "x", "n": 2}, "n", "Unrecognized request argument", "Unbekanntes Feld"),
        (
            {"model": "x", "input": [{"type": "item_reference", "id": "x"}]},
            "input[0]",
            "Items of type 'item_reference' are not supported.",
            "Einträge der Art 'item_reference' werden nicht unterstützt.",
        ),
        (
            {"model": "x", "input": "x", "tools": [{"type": "web_search"}]},
            "tools[0]",
            "Tools of type 'web_search' are not supported",
            "Werkzeuge der Art 'web_search' werden nicht unterstützt",
        ),
        (
            {"model": "x", "input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content",
            "Parts of type 'input_image' are not supported.",
            "Teile der Art 'input_image' werden nicht unterstützt.",
        ),
        (
            {"model": "x", "input": "x", "store": "no"},
            "store",
            "Invalid value for 'store': This should be true or false.",
            "Der Wert von 'store' ist ungültig: Das sollte true oder false sein.",
        ),
    ],
)
def test_so_is_what_openais_clients_send(
    ada: Caller, body: Any, param: str, english: str, german: str
) -> None:
    for language, sentence in (("en", english), ("de", german)):
        response = ada.call("POST", "/v1/responses", body, headers={"Accept-Language": language})
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (400, param)
        assert sentence in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("sessions/{id}/process-llm", {"prompt": "x", "provider": "nobody"}, "provider"),
        ("sessions/{id}/process-llm", {"prompt": "x", "model_name": "unheard-of"}, "model_name"),
        ("sessions/{id}/process-llm", {"prompt": "\0"}, "prompt"),
        ("live", {"message": "\0"}, "message"),
        ("live", {"message": "x", "systemPrompt": "\0"}, "systemPrompt"),
    ],
)
def test_a_refusal_names_the_field_as_its_caller_does(
    ada: Caller, path: str, body: dict[str, str], field: str
) -> None:
    response = ada.post(path.format(id=make_session(ada.user).id), body)
    assert (response.status_code, response.json()["details"]["field"]) == (422, field)


def test_a_path_that_is_none() -> None:
    for path in ("/api/v1/chat/nothing", "/api/v1/chat/sessions/1", "/api/nothing", "/api/v1/", "/api/ai/"):
        response = Client().get(path)
        assert (response.status_code, is_envelope(response.json())) == (404, True)


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (TooManyRequests("Slow down.", retry_after=7), 429, "7"),
        (OperationalError("gone"), 503, "5"),
        (DataError("secret"), 422, None),
        (ZeroDivisionError("secret"), 500, None),
    ],
)
def test_what_goes_wrong_inside(
    ada: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, retry: str | None
) -> None:
    monkeypatch.setattr(sessions, "create_session", raising(error))
    response = ada.post("sessions")
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry)
    assert is_envelope(response.json())
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/api/v1/chat/sessions"), ("PUT", "/v1/models")])
def test_a_method_that_is_not_there(ada: Caller, method: str, path: str) -> None:
    response = ada.call(method, path, {})
    assert response.status_code == 405
    assert "GET" in response["Allow"]
    assert "is not allowed here" in str(response.json())
    assert response.has_header("X-Request-Id")
