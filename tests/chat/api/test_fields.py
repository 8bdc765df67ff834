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


def fields(served: NinjaAPI, prefix: str) -> Iterator[tuple[str, str]]:
    """(route, name) of what JSON bodies may have, but for what makes a route wait for a reply."""
    document = served.get_openapi_schema(path_prefix=prefix)
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            for field in schemas.get(name, {}).get("properties", {}):
                if field != "stream":
                    yield f"{method.upper()} {path}", field


@pytest.mark.parametrize("value", [None, 2**70, "\ud800"])
@pytest.mark.parametrize(("served", "prefix"), [(api, "/api/v1/"), (openai_api, "/v1/")])
def test_no_field_breaks_anything(house: House, served: NinjaAPI, prefix: str, value: Any) -> None:
    owner = house.callers["owner"].user
    owner.is_staff = owner.is_superuser = True
    owner.save()
    for route, name in fields(served, prefix):
        with transaction.atomic():
            response = call(house, "owner", route, ROUTES[route][1] | {name: value})
            transaction.set_rollback(True)
        assert response.status_code < 500, (route, name, response.content)
