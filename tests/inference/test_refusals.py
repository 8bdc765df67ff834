"""A refused value is answered with its field's name and range."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from inference.refusals import explain_refusal
from inference.types.sampling import SamplingParams


@pytest.mark.parametrize(
    ("options", "field", "sentence"),
    [
        ({"temperature": 7}, "temperature", "temperature must be a number from 0 to 5."),
        ({"temperature": float("nan")}, "temperature", "temperature must be a number from 0 to 5."),
        ({"typical_p": 0}, "typical_p", "typical_p must be a number above 0 up to 1."),
        ({"top_k": 1.5}, "top_k", "top_k must be an integer from 0 to 1000."),
        ({"seed": -1}, "seed", "seed must be an integer from 0 to 4294967295."),
        ({"mirostat": 1}, "mirostat", "mirostat must be one of 0, 2."),
        ({"ignore_eos": 3}, "ignore_eos", "ignore_eos must be true or false."),
        ({"stop": "a"}, "stop", "stop must be a list of at most 32 entries."),
        ({"stop": [""]}, "stop", "Each entry of stop must be a text of 1 to 256 characters."),
        (
            {"logit_bias": {3: 101}},
            "logit_bias",
            "Each entry of logit_bias must be a number from -100 to 100.",
        ),
        (
            {"logit_bias": {-3: 1}},
            "logit_bias",
            "Each key of logit_bias must be an integer from 0 to 2147483647.",
        ),
        ({"logit_bias": []}, "logit_bias", "logit_bias must be an object of at most 1024 entries."),
        ({"response_format": {"type": "x"}}, "type", "type must be one of json_object, json_schema, text."),
        ({"grammar": {"gbnf": ""}}, "gbnf", "gbnf must be a text of 1 to 65536 characters."),
        ({"grammar": {}}, "gbnf", "gbnf is missing."),
        ({"tempreature": 1}, "tempreature", "tempreature is not an option."),
        (3, "", "The request must be an object."),
    ],
)
def test_the_sentence_names_field_and_range(options: Any, field: str, sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(options, SamplingParams)
    assert explain_refusal(caught.value, SamplingParams) == (field, sentence)
