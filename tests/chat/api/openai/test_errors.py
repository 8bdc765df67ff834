"""A reply that failed after it was accepted, in OpenAI's envelope."""

from __future__ import annotations

import msgspec
import pytest

from chat.api.openai.errors import failure
from chat.realtime.protocol.views import GenerationError
from inference.engine.validation import check_request
from inference.types.errors import InferenceError
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams


@pytest.mark.parametrize("options", [{"logit_bias": {900: 1.0}}, {"stop_token_ids": (900,)}])
def test_a_token_that_the_model_does_not_have_is_blamed_on_its_parameter(options: dict[str, object]) -> None:
    sampling = msgspec.convert(options, SamplingParams)
    with pytest.raises(InferenceError) as refused:
        check_request(
            GenerationRequest(request_id="a", prompt_ids=[1], sampling=sampling), n_ctx=64, n_vocab=300
        )
    error = refused.value
    status, body = failure(GenerationError(code=error.code, message=error.message), "messages")
    assert (status, body["type"], body["param"]) == (400, "invalid_request_error", *options)
    assert "Token 900" in body["message"]


@pytest.mark.parametrize(
    ("code", "retryable", "status", "param"),
    [
        ("context_length_exceeded", False, 400, "messages"),
        ("invalid_request", False, 400, None),
        ("no_possible_token", False, 400, None),
        ("engine_stopped", True, 503, None),
        ("engine_error", False, 500, None),
    ],
)
def test_who_is_to_blame(code: str, retryable: bool, status: int, param: str | None) -> None:
    error = GenerationError(code=code, message="No.", retryable=retryable)
    found, body = failure(error, "messages")
    assert (found, body["param"], body["code"]) == (status, param, code)
