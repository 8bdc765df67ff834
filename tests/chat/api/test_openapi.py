"""The documents that describe the APIs."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from string import Template
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from jsonschema import Draft202012Validator

from chat.models import Attachment
from chat.services.files import store_file
from chat.services.providers import add_provider
from chat.services.tokens import log_in
from tests.support.house import House

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


@pytest.mark.parametrize("url", DOCUMENTS)
def test_every_operation_says_how_it_answers_and_how_it_refuses(url: str) -> None:
    for path, operations in read(url)["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert any("content" in answers.get(status, {}) for status in ("200", "201")), (method, path)
            assert "default" in answers or "content" in answers["404"], (method, path)


@pytest.mark.parametrize(("url", "document"), [("/api/docs", DOCUMENTS[0]), ("/v1/docs", DOCUMENTS[1])])
def test_there_is_a_page(url: str, document: str) -> None:
    page = Client().get(url).content.decode()
    assert f'"url": "{document}"' in page
    assert "https://" not in page.replace("https://django-ninja", "")


@pytest.fixture
def variables(house: House) -> dict[str, str]:
    """What the examples leave open. Keys do not see keys, so the caller has a token."""
    owner = house.session.owner
    owner.is_staff = owner.is_superuser = True
    owner.save()
    add_provider(slug="p", base_url="http://p", models={})
    tokens = log_in(username=owner.username, password="secret")
    unsent = store_file(user=owner, purpose="user_data", file=ContentFile(b"x"), filename="x")
    file = Attachment.objects.create(session=house.session, file=unsent, kind="text", text="x")
    house.names["attachment_id"] = str(file.id)
    own = {"PARLEY": "", "KEY": tokens.access, "REFRESH": tokens.refresh, "GUEST": "guest"}
    own |= {"USERNAME": owner.username, "PASSWORD": "secret"}
    return {name.upper(): value for name, value in house.names.items()} | own


def run_sample(source: str, variables: dict[str, str]) -> Any:
    """What a shell would send."""
    _, *words = shlex.split(Template(source).substitute(variables))
    given: dict[str, str] = {}
    headers: dict[str, str] = {}
    url = words[2]
    for option, value in pairwise(words):
        if option == "-H":
            name, _, content = value.partition(": ")
            headers[name] = content
        elif option in ("-X", "-d", "-F"):
            given[option] = value
    client = Client(headers=headers)
    if "-F" in given:
        name, _, file = given["-F"].partition("=@")
        return client.post(url, {name: SimpleUploadedFile(file, b"Tea at five.")})
    return client.generic(
        given["-X"], url, given.get("-d", ""), content_type=headers.get("Content-Type", "text/plain")
    )


def test_every_example_runs_and_its_answer_is_what_the_document_says(variables: dict[str, str]) -> None:
    document = read(DOCUMENTS[0])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            [sample] = operation["x-codeSamples"]
            with transaction.atomic():
                response = run_sample(sample["source"], variables)
                transaction.set_rollback(True)
            where = f"{method} {path}: {getattr(response, 'content', '')!r}"
            assert response.status_code in (200, 201), where
            kinds = operation["responses"][str(response.status_code)].get("content", {})
            kind = response["Content-Type"].partition(";")[0]
            assert kind in kinds, where
            if kind == "application/json":
                full = kinds["application/json"]["schema"] | {"components": document["components"]}
                Draft202012Validator(full).validate(response.json())


def test_every_example_of_v1_is_what_its_operation_takes() -> None:
    document = read(DOCUMENTS[1])
    shared = {"components": document["components"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            [sample] = operation["x-codeSamples"]
            words = shlex.split(sample["source"])
            assert words[:3] == ["curl", "-X", method.upper()]
            assert words[3] == "$PARLEY" + re.sub(r"\{(\w+)\}", lambda name: f"${name[1].upper()}", path)
            content = operation.get("requestBody", {}).get("content", {})
            given = {option: value for option, value in pairwise(words) if option in ("-d", "-F")}
            assert bool(given) == bool(content), sample
            if "-d" in given:
                schema = content["application/json"]["schema"] | shared
                Draft202012Validator(schema).validate(json.loads(given["-d"]))


@pytest.mark.parametrize("url", DOCUMENTS)
def test_every_body_has_an_example(url: str) -> None:
    document = read(url)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if name := schema.get("$ref", "").rpartition("/")[2]:
                assert document["components"]["schemas"][name].get("examples"), (method, path)
