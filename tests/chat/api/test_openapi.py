"""The documents that describe the APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from chat.services.tokens import log_in
from tests.support.api import Caller, answer_next
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db
DOCUMENTS = ["/api/v1/openapi.json", "/v1/openapi.json"]


def read(url: str) -> Any:
    return json.loads(Client().get(url).content)


@pytest.mark.parametrize("url", DOCUMENTS)
def test_it_is_openapi_3_1_and_whole(url: str) -> None:
    document = read(url)
    assert document["openapi"].startswith("3.1")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation["summary"] and operation["description"] for operation in operations)
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("url", "document"), [("/api/docs", DOCUMENTS[0]), ("/v1/docs", DOCUMENTS[1])])
def test_there_is_a_page(url: str, document: str) -> None:
    page = Client().get(url).content.decode()
    assert f'"url": "{document}"' in page
    assert "https://" not in page.replace("https://django-ninja", "")


def test_answers_are_what_the_document_says(ada: Caller) -> None:
    document = read(DOCUMENTS[0])
    access = log_in(username=ada.user.username, password="secret").access  # a key does not see keys
    client = Client(headers={"Authorization": f"Bearer {access}"})
    session = make_session(ada.user)
    ada.post(f"sessions/{session.id}/messages", {"content": "Hi"})
    generation = answer_next("Hello")
    ids = {"session_id": session.id, "generation_id": generation.id}
    checked = 0
    for path, methods in document["paths"].items():
        schema = methods.get("get", {}).get("responses", {}).get("200", {}).get("content")
        if schema is None or "health" in path:
            continue
        query = "?q=Hello" if path.endswith("search") else ""
        response = client.get(path.format(**ids) + query)
        assert response.status_code == 200, path
        [kind] = schema.values()
        full = kind["schema"] | {"components": document["components"]}
        Draft202012Validator(full).validate(response.json())
        checked += 1
    assert checked >= 8
