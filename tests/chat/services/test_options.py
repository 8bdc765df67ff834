from __future__ import annotations

from typing import Any

import pytest

from chat.services.errors import InvalidOptions
from chat.services.options import policy_from, resolve_options, sampling_from, shift_from, validate_options
from inference.prompt import render_prompt
from inference.types.context import ContextPolicy, ContextShift
from inference.types.prompts import MAX_TEMPLATE
from inference.types.sampling import SamplingParams


def refusal(options: Any, **kwargs: str) -> InvalidOptions:
    with pytest.raises(InvalidOptions) as caught:
        validate_options(options, **kwargs)
    return caught.value


def test_good_options_are_converted_and_nothing_is_added() -> None:
    given = {"temperature": 1, "stop": ["a", "b"], "seed": None, "max_response_time_ms": 86_400_000}
    assert validate_options(given) == given
    assert isinstance(validate_options(given)["temperature"], float)
    assert validate_options({}) == {}


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("temperature", 9, "a number from 0 to 5"),
        ("temperature", None, "a number from 0 to 5"),
        ("temperature", "hot", "a number from 0 to 5"),
        ("temperature", True, "a number from 0 to 5"),
        ("temperature", float("nan"), "a number from 0 to 5"),
        ("temperature", 10**400, "a number from 0 to 5"),
        ("typical_p", 0, "a number above 0 up to 1"),
        ("presence_penalty", -3, "a number from -2 to 2"),
        ("top_k", 1.5, "an integer from 0 to 1000"),
        ("seed", -1, "an integer from 0 to 4294967295"),
        ("max_tokens", 0, "an integer from 1 to 1000000"),
        ("max_response_time_ms", 0, "an integer from 1 to 86400000"),
        ("stop", "x", "a list of at most 16 entries"),
        ("stop", [""], "a text of 1 to 256 characters"),
        ("stop", ["x"] * 17, "a list of at most 16 entries"),
        ("stop", [{}], "a text of 1 to 256 characters"),
        ("system_prompt", "x" * 60_001, "a text of at most 60000 characters"),
        ("chat_template", 5, "a text of at most 100000 characters"),
    ],
)
def test_a_wrong_value_names_the_option_and_its_range(name: str, value: Any, rule: str) -> None:
    error = refusal({name: value})
    assert error.message.endswith(f"{name} must be {rule}.")
    assert error.field == f"options.{name}"
    assert error.code == "invalid_options"


@pytest.mark.parametrize(
    "choice", ["", "chatml", "plain", "{% for m in messages %}{{ m.content }}{% endfor %}"]
)
def test_a_template_is_a_known_name_or_jinja_text(choice: str) -> None:
    assert validate_options({"chat_template": choice}) == {"chat_template": choice}


@pytest.mark.parametrize(
    ("choice", "code", "words"),
    [
        ("vicuna", "unknown_chat_template", "Choose chatml, llama, alpaca, plain, or give Jinja text."),
        ("{% for m in messages %}", "chat_template_error", "cannot be used"),
        ("{{ " + "(" * 5000, "chat_template_error", "cannot be used"),
    ],
)
def test_a_template_that_cannot_work_is_refused(choice: str, code: str, words: str) -> None:
    error = refusal({"chat_template": choice}, field="settings")
    assert (error.code, error.field) == (code, "settings.chat_template")
    assert words in error.message


def test_an_unknown_option_is_named() -> None:
    assert "'temprature'" in refusal({"temprature": 1}).message


@pytest.mark.parametrize("value", [[], "x", 5, None])
def test_options_are_an_object(value: Any) -> None:
    assert refusal(value, field="settings").message == "settings must be an object."


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"grammar": {"gbnf": "root ::= nothing"}}, "options.grammar", "no rule named nothing"),
        (
            {"response_format": {"type": "json_schema", "schema": {"not": {}}}},
            "options.response_format",
            "the keyword not is not supported",
        ),
        ({"response_format": {"type": "json_schema"}}, "options", "needs a schema"),
        ({"response_format": {"type": "json_object"}, "ignore_eos": True}, "options", "cannot be combined"),
        ({"top_logprobs": 3}, "options", "needs logprobs"),
    ],
)
def test_what_the_engine_would_refuse(options: Any, field: str, said: str) -> None:
    refused = refusal(options)
    assert refused.field == field
    assert said in refused.message


@pytest.mark.parametrize("options", [{"system_prompt": "a\0"}, {"stop": ["ok", "\ud800"]}])
def test_texts_can_be_stored(options: Any) -> None:
    assert "cannot be stored" in refusal(options).message


def test_the_request_goes_before_the_session_and_the_session_before_the_default() -> None:
    resolved = resolve_options(
        given={"temperature": 0.1},
        session_settings={"temperature": 0.2, "top_k": 5, "no longer known": 1},
        system_prompt="Be kind.",
        chat_template="",
    )
    assert (resolved["temperature"], resolved["top_k"], resolved["top_p"]) == (0.1, 5, 0.9)
    assert resolved["system_prompt"] == "Be kind."
    assert resolved["max_response_time_ms"] == 600_000


def test_a_seed_is_drawn_only_when_nobody_chose_one() -> None:
    def seed(**given: Any) -> int:
        drawn: int = resolve_options(given=given, session_settings={})["seed"]
        return drawn

    assert seed(seed=7) == 7
    assert len({seed() for _ in range(5)}) > 1


def test_sampling_from_stored_options() -> None:
    resolved = resolve_options(given={"seed": 1, "stop": ["x"], "top_k": 3}, session_settings={})
    assert sampling_from(resolved) == SamplingParams(seed=1, stop=("x",), top_k=3)
    assert sampling_from({"seed": 1}) == SamplingParams(seed=1)


def test_a_template_that_may_be_stored_may_be_rendered() -> None:
    template = "{{''}}".ljust(MAX_TEMPLATE, "x")
    assert validate_options({"chat_template": template}) == {"chat_template": template}
    assert render_prompt([], template=template) == template.removeprefix("{{''}}")
    with pytest.raises(InvalidOptions, match=f"at most {MAX_TEMPLATE} characters"):
        validate_options({"chat_template": f"{template}x"})


def test_the_context_policy_is_checked_and_becomes_the_engines() -> None:
    given = validate_options({"context_policy": "sliding_window", "context_size": 512, "retain_tokens": 100})
    stored = resolve_options(given=given, session_settings={"max_tokens": 50, "compression_ratio": 0.5})
    assert policy_from(stored) == ContextPolicy(
        kind="sliding_window", window=512, reply_tokens=50, retain_tokens=100, compression_ratio=0.5
    )
    assert policy_from({}) == ContextPolicy(reply_tokens=1000)


def test_a_context_shift_is_off_unless_asked_for() -> None:
    assert shift_from(resolve_options(given={}, session_settings={})) is None
    given = validate_options({"context_shift": True, "retain_tokens": 100})
    stored = resolve_options(given=given, session_settings={})
    assert shift_from(stored) == ContextShift(keep=0, retain=100)
    assert shift_from(stored | {"shift_keep": 7}) == ContextShift(keep=7, retain=100)
    assert policy_from(stored).shift


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("context_policy", "newest", "context_policy must be one of compress, keep_all"),
        ("context_size", 10, "context_size must be an integer from 64 to 1048576"),
        ("retain_tokens", -1, "retain_tokens must be an integer from 0"),
        ("compression_ratio", 0, "compression_ratio must be a number above 0"),
        ("context_turns", 0, "context_turns must be an integer from 1 to 10000"),
        ("context_shift", "yes", "context_shift must be true or false"),
        ("shift_keep", -1, "shift_keep must be an integer from 0 to 1048576"),
    ],
)
def test_a_wrong_context_policy_is_refused_by_name(name: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidOptions, match=sentence):
        validate_options({name: value})
