"""What a stored response says of itself."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.support.api import Caller

SAID = ["one", "two", "three"]


@pytest.fixture
def path(ada: Caller) -> str:
    """The input items of a response to three messages."""
    asked = [{"role": "user", "content": text} for text in SAID]
    response = ada.post("/v1/responses", {"model": "paced", "stream": True, "input": asked})
    return f"/v1/responses/resp_{UUID(response['X-Generation-Id']).hex}/input_items"


def page(ada: Caller, path: str) -> tuple[list[str], bool, str]:
    found = ada.get(path).json()
    assert (found["object"], found["first_id"]) == ("list", found["data"][0]["id"])
    return [item["content"][0]["text"] for item in found["data"]], found["has_more"], found["last_id"]


@pytest.mark.parametrize(
    ("order", "texts"), [("", SAID[::-1]), ("&order=desc", SAID[::-1]), ("&order=asc", SAID)]
)
def test_input_items_come_in_pages(ada: Caller, path: str, order: str, texts: list[str]) -> None:
    first, has_more, last = page(ada, f"{path}?limit=2{order}")
    assert (first, has_more) == (texts[:2], True)
    assert page(ada, f"{path}?limit=2&after={last}{order}")[:2] == (texts[2:], False)


@pytest.mark.parametrize(
    ("query", "param"), [("limit=0", "limit"), ("order=up", "order"), ("after=msg_1", "after")]
)
def test_a_page_that_cannot_be(ada: Caller, path: str, query: str, param: str) -> None:
    response = ada.get(f"{path}?{query}")
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"instructions": "x" * 70_000}, "instructions"),
        ({"text": {"format": {"type": "json_schema", "schema": {"not": {}}, "strict": True}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"temperature": 9}, "temperature"),
    ],
)
def test_refusals_blame_what_the_request_has(ada: Caller, fields: dict[str, object], param: str) -> None:
    response = ada.post("/v1/responses", {"model": "paced", "input": "x"} | fields)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
