"""`/v1/embeddings`: bodies, encodings and refusals, with vectors that are known."""

from __future__ import annotations

import base64
from array import array
from typing import Any

import pytest

from chat.api.openai import embeddings as view
from chat.api.openai.embeddings import EmbeddingRequest
from chat.services.embeddings import EmbeddingResult
from tests.support.api import Caller

URL = "/v1/embeddings"
VECTOR = array("f", [0.6, 0.0, -0.8]).tobytes()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = []

    async def embed(**request: Any) -> EmbeddingResult:
        requests.append(request)
        return EmbeddingResult(vectors=[VECTOR] * len(request["inputs"]), tokens=7)

    monkeypatch.setattr(view, "embed", embed)
    return requests


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("hello", ["hello"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([], []),
    ],
)
def test_one_and_many_texts_and_token_lists(given: Any, inputs: list[Any]) -> None:
    assert EmbeddingRequest(model="m", input=given).inputs() == inputs


def test_both_encodings_hold_the_same_numbers(ada: Caller, asked: list[dict[str, Any]]) -> None:
    body = {"model": "paced", "input": ["a", "b"], "dimensions": 3}
    plain = ada.post(URL, body).json()
    packed = ada.post(URL, body | {"encoding_format": "base64"}).json()

    assert plain["object"] == "list"
    assert plain["model"] == "paced"
    assert plain["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert [(each["object"], each["index"]) for each in plain["data"]] == [("embedding", 0), ("embedding", 1)]
    decoded = array("f", base64.b64decode(packed["data"][1]["embedding"])).tolist()
    assert decoded == plain["data"][1]["embedding"] == array("f", VECTOR).tolist()
    assert asked[0] == {"model": "paced", "inputs": ["a", "b"], "dimensions": 3}


@pytest.mark.parametrize(
    ("body", "status", "param", "said"),
    [
        ({"input": "x"}, 400, "model", "Missing required parameter: 'model'"),
        ({"model": "paced"}, 400, "input", "Missing"),
        ({"model": "paced", "input": []}, 400, "input", "1 to 2048"),
        ({"model": "paced", "input": ""}, 400, "input[0]", "is empty"),
        ({"model": "nope", "input": "x"}, 404, "model", "nope"),
        ({"model": "paced", "input": "x", "colour": 1}, 400, "colour", "Unrecognized request argument"),
        ({"model": "paced", "input": "x", "encoding_format": "hex"}, 400, "encoding_format", "base64"),
        ({"model": "paced", "input": ["x", [1]]}, 400, "input[1]", ""),
    ],
)
def test_refusals(ada: Caller, body: Any, status: int, param: str, said: str) -> None:
    response = ada.post(URL, body)
    error = response.json()["error"]

    assert response.status_code == status
    assert error["param"] == param
    assert said in error["message"]


def test_a_key_is_needed(ada: Caller) -> None:
    ada.client.defaults.pop("HTTP_AUTHORIZATION")
    assert ada.post(URL, {"model": "paced", "input": "x"}).status_code == 401
