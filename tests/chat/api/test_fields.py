"""Every field of every body, on objects that are there: whatever it holds, it is taken or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from ninja import NinjaAPI

from chat.api.openai.urls import api as openai_api
from chat.api.urls import api
from tests.chat.api.test_access import ROUTES, call
from tests.support.house import House

APIS = [(api, "/api/v1/"), (openai_api, "/v1/")]
NOT_OF_TYPE: dict[str, list[Any]] = {
    "integer": [True, False, "1", 1.5],
    "number": [True, False, "1"],
    "boolean": [0, 1, "true", "yes"],
}


def fields(served: NinjaAPI, prefix: str) -> Iterator[tuple[str, str, set[str]]]:
    """(route, name, types) of what JSON bodies may have, but for what makes a route wait for a reply."""
    document = served.get_openapi_schema(path_prefix=prefix)
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            for field, schema in schemas.get(name, {}).get("properties", {}).items():
                if field != "stream":
                    types = {each.get("type") for each in schema.get("anyOf", [schema])}
                    yield f"{method.upper()} {path}", field, types


@pytest.mark.parametrize("value", [None, 2**70, "\ud800"])
@pytest.mark.parametrize(("served", "prefix"), APIS)
def test_no_field_breaks_anything(house: House, served: NinjaAPI, prefix: str, value: Any) -> None:
    owner = house.callers["owner"].user
    owner.is_staff = owner.is_superuser = True
    owner.save()
    for route, name, _ in fields(served, prefix):
        with transaction.atomic():
            response = call(house, "owner", route, ROUTES[route][1] | {name: value})
            transaction.set_rollback(True)
        assert response.status_code < 500, (route, name, response.content)


@pytest.mark.parametrize(("served", "prefix"), APIS)
def test_numbers_and_truths_are_of_jsons_own_types(house: House, served: NinjaAPI, prefix: str) -> None:
    owner = house.callers["owner"].user
    owner.is_staff = owner.is_superuser = True
    owner.save()
    seen = set()
    for route, name, types in fields(served, prefix):
        for kind in types & set(NOT_OF_TYPE):
            seen.add(kind)
            for value in NOT_OF_TYPE[kind]:
                response = call(house, "owner", route, ROUTES[route][1] | {name: value})
                if response.status_code == 403:  # a key cannot manage keys
                    assert "/auth/" in route
                    continue
                assert response.status_code in (400, 422), (route, name, value, response.content)
                assert f'"{name}"' in response.content.decode(), (route, name, value)
    assert seen == set(NOT_OF_TYPE)
