"""schemathesis over our OpenAPI documents: nothing breaks, and answers are what the documents say."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
HEADERS = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', '')}"}


@pytest.fixture(scope="session")
def openai_document(url: str) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/v1/openapi.json")


@pytest.fixture(scope="session")
def chat_document(url: str) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")


openai_api = schemathesis.pytest.from_fixture("openai_document")
# A health check may be 503, and keys and passwords are what these calls are made with.
chat_api = schemathesis.pytest.from_fixture("chat_document").exclude(path_regex="/(health|auth)")


@openai_api.parametrize()
@SLOW
def test_openai(case: Case) -> None:
    check(case)


@chat_api.parametrize()
@SLOW
def test_chat(case: Case) -> None:
    check(case)


def check(case: Case) -> None:
    response = case.call(headers=HEADERS, timeout=60)
    case.validate_response(response, checks=CHECKS)
