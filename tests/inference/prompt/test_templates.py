"""Templates render as models expect them, and a hostile one does no harm."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.prompt import BUILTIN, render_prompt, resolve_template
from inference.prompt.sandbox import PromptTooLongError
from inference.prompt.templates import CHATML, ChatTemplate
from inference.types.errors import InferenceError
from inference.types.prompts import MAX_TEMPLATE, PromptMessage

MESSAGES = [
    PromptMessage(role="system", content="Be brief."),
    PromptMessage(role="user", content="Hi!"),
    PromptMessage(role="assistant", content="Hello."),
    PromptMessage(role="user", content="Who?"),
]
RENDERED = {
    "chatml": (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    ),
    "llama": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "alpaca": (
        "Be brief.\n\n### Instruction:\nHi!\n\n### Response:\nHello.\n\n### Instruction:\nWho?\n\n"
        "### Response:\n"
    ),
    "plain": "System: Be brief.\nUser: Hi!\nAssistant: Hello.\nUser: Who?\nAssistant:",
}


def variables(messages: list[PromptMessage]) -> list[dict[str, Any]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def render(template: str, messages: list[PromptMessage] = MESSAGES) -> str:
    return render_prompt(variables(messages), template=template, bos_text="<s>", eos_text="</s>")


def refusal(template: str) -> str:
    with pytest.raises(InferenceError) as caught:
        render(template)
    assert caught.value.code == "chat_template_error"
    return caught.value.message


@pytest.mark.parametrize("name", RENDERED)
def test_builtin_templates(name: str) -> None:
    assert render(BUILTIN[name].source) == RENDERED[name]
    # What ends a turn in the template ends a reply, also where the model has no token for it.
    assert any(stop.strip() in render(BUILTIN[name].source) for stop in BUILTIN[name].stop)


@given(st.text(max_size=50))
def test_content_is_data(content: str) -> None:
    rendered = render(CHATML.source, [PromptMessage(role="user", content=content)])
    assert rendered == f"<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"


def test_the_models_own_template_is_the_default() -> None:
    assert resolve_template("", "{{ 1 }}") == ChatTemplate("{{ 1 }}")
    assert resolve_template("", None) == CHATML
    assert resolve_template("", "") == CHATML


def test_a_name_or_jinja_text_overrides_it() -> None:
    assert resolve_template("alpaca", "{{ 1 }}") == BUILTIN["alpaca"]
    assert resolve_template("{{ 2 }}", "{{ 1 }}").source == "{{ 2 }}"
    assert resolve_template("{% if 1 %}{% endif %}", None).stop == ()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InferenceError, match="chatml, llama, alpaca, plain") as caught:
        resolve_template("vicuna", None)
    assert caught.value.code == "unknown_chat_template"


def test_what_transformers_offers_is_there() -> None:
    template = (
        "{% for message in messages %}\n  {% if loop.first %}{% continue %}{% endif %}\n"
        "{% generation %}{{ message | tojson }}{% endgeneration %}{% break %}{% endfor %}"
    )
    assert json.loads(render(template)) == {"role": "user", "content": "Hi!"}
    assert render("{{ strftime_now('%Y') }}") == str(datetime.now(UTC).astimezone().year)
    assert render("{{ eos_token }}{{ add_generation_prompt }}{{ tools is none }}") == "</s>TrueTrue"
    assert render("{{ {'é': '<'} | tojson(indent=2) }}") == '{\n  "é": "<"\n}'
    assert render("{{ messages | map(attribute='role') | unique | join(', ') }}") == "system, user, assistant"
    assert render("{{ messages | join('-', attribute='role') }}") == "system-user-assistant-user"
    assert render("{{ 'a b' | replace(' ', '_') }}{{ 'aa'.replace('a', 'b') }}") == "a_bbb"
    assert render("{{ 'aa' | replace('a', 'b', 1) }}{{ 'a' + 'b' ~ 3 * 2 }}{{ 7 % 4 + 1 }}") == "baab64"
    assert render("{{ ('-' * 3) ~ (2 * 'ab') ~ 2 ** 10 ~ 1.5 * 2 }}") == "---abab10243.0"
    assert render("{{ 'a\n\nb' | indent }}|{{ 'a\n\nb' | indent('> ', true, true) }}") == (
        "a\n\n    b|> a\n> \n> b"
    )
    total = (
        "{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}"
    )
    assert render(total) == "3"


def test_a_template_may_refuse_with_its_own_words() -> None:
    assert "System role not supported." in refusal("{{ raise_exception('System role not supported.') }}")


@pytest.mark.parametrize(
    "template",
    [
        "{% if %}",
        "{{ unknown.attribute }}",
        "{{ messages[99].content }}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ messages | nonsense }}",
        "{{ 'é'.encode('ascii') }}",
        "{% include 'other' %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    ],
)
def test_a_broken_template_is_one_clear_error(template: str) -> None:
    message = refusal(template)
    assert message.startswith("The chat template cannot be used: ")
    assert "\n" not in message


def test_a_template_of_more_characters_than_an_option_may_have_is_refused() -> None:
    assert render("x" * MAX_TEMPLATE) == "x" * MAX_TEMPLATE
    assert f"longer than {MAX_TEMPLATE}" in refusal("x" * (MAX_TEMPLATE + 1))


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ messages.append(1) }}",
        "{{ (raise_exception.__globals__).os }}",
    ],
)
def test_a_template_cannot_reach_python(template: str) -> None:
    reached = ""
    with contextlib.suppress(InferenceError):
        reached = render(template)
    assert reached == ""


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for m in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
        "{% for a in range(90000) %}{{ range(90000) | join }}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 1000000000 * 'x' }}",
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=3) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a' | indent(1000000000, true) }}",
        "{{ ('x' * 8000000) | replace('x', 'y' * 1000) }}",
        "{{ ('x' * 8000000).replace('x', 'y' * 1000) }}",
        "{% for i in range(100) %}{{ 'x' * 1000000 }}{% endfor %}",
        "{{ [('x' * 1000000)] * 100 | int | join }}{{ ([('x' * 1000000)] * 100) | join }}",
        "{{ lipsum(100000) }}",
        "{% set r = range(90000) | list %}{% for a in r %}{{ r | sum }}{% endfor %}",
    ],
)
def test_a_hostile_template_is_stopped_in_time(template: str) -> None:
    started = time.thread_time()
    refusal(template)
    assert time.thread_time() - started < 5


def test_a_result_is_stopped_at_the_size_that_is_wanted() -> None:
    endless = "{% for a in range(90000) %}{{ 'x' * 100 }}{% endfor %}"
    with pytest.raises(PromptTooLongError) as caught:
        render_prompt(variables(MESSAGES), template=endless, max_size=1000)

    assert caught.value.code == "chat_template_error"
    assert len(caught.value.beginning) == 1100
    assert render_prompt([], template="{{ 'x' * 1000 }}", max_size=1000) == "x" * 1000
    with pytest.raises(InferenceError, match="result is too long"):
        render_prompt([], template="{{ ('x' * 1001)[:1] }}", max_size=1000)
