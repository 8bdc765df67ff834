"""Functions, calls and results on their way into a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from inference.backends.paced.backend import PacedBackend
from inference.prompt import prepare_prompt
from inference.tool_calls import SYNTAXES, native_syntax, plain_messages, template_variables
from inference.types.prompts import PromptMessage
from inference.types.tools import FunctionSpec, ToolCall, ToolUse
from tests.support.engine import paced_config

TOOLS = ToolUse(functions=(FunctionSpec(name="add", description="Adds.", parameters={"type": "object"}),))
TALK = [
    PromptMessage("system", "Be brief."),
    PromptMessage("user", "1+1 and 2+2?"),
    PromptMessage(
        "assistant",
        "",
        (
            ToolCall(id="call_1", name="add", arguments='{"a": 1}'),
            ToolCall(id="call_2", name="add", arguments="{2"),
        ),
    ),
    PromptMessage("tool", "2", tool_call_id="call_1"),
    PromptMessage("tool", "4", tool_call_id="call_2"),
]
QWEN = (
    "{% if tools %}{{ tools[0].function.name }}<tool_call>{% endif %}"
    "{% for m in messages %}{% if m.tool_calls %}"
    "{% for c in m.tool_calls %}{{ c.id ~ c.function.name ~ (c.function.arguments | tojson) }}{% endfor %}"
    "{% elif m.role == 'tool' %}[{{ m.name }} {{ m.tool_call_id }} {{ m.content }}]"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ tools }}<tool_call>", "hermes"),
        ("{{ tools }} ipython", "llama"),
        ("{{ tools }}[TOOL_CALLS]", "mistral"),
        ("{{ tools }}[TOOL_CALLS]x[ARGS]", "mistral-args"),
        ("{{ tools }}<function=", None),
        ("<tool_call>", None),
    ],
)
def test_which_family(template: str, name: str | None) -> None:
    assert native_syntax(template) == (SYNTAXES[name] if name else None)


def test_without_a_template_that_knows_tools() -> None:
    plain = plain_messages(TALK, TOOLS)
    assert [message.role for message in plain] == ["system", "user", "assistant", "user"]
    assert plain[0].content.startswith("Be brief.\n\nYou may call functions.")
    assert '{"name": "add", "description": "Adds.", "parameters": {"type": "object"}}' in plain[0].content
    assert plain[2].content.startswith('<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>')
    assert plain[3].content == ("<tool_response>\n2\n</tool_response>\n<tool_response>\n4\n</tool_response>")
    assert plain_messages([PromptMessage("user", "Hi")], TOOLS)[0].role == "system"
    assert plain_messages(TALK[:2], None) == TALK[:2]


def test_mistral_takes_short_ids_alone() -> None:
    messages = template_variables(TALK, TOOLS, SYNTAXES["mistral"])["messages"]
    ids = [call["id"] for call in messages[2]["tool_calls"]]
    assert ids == [message["tool_call_id"] for message in messages[3:]]
    assert {len(identity) for identity in ids} == {9}


def prepare(template: str, tools: ToolUse | None = TOOLS, talk: Any = TALK) -> tuple[str, Any]:
    prompt = prepare_prompt(PacedBackend(paced_config()), talk, template, 4096, tools)
    return bytes(prompt.token_ids).decode(), prompt


def test_the_models_own_template() -> None:
    text, prompt = prepare(QWEN)
    assert text == (
        'add<tool_call>Be brief.1+1 and 2+2?call_1add{"a": 1}call_2add"{2"[add call_1 2][add call_2 4]'
    )
    assert (prompt.syntax, prompt.grammar.trigger) == ("hermes", "<tool_call>")


def test_a_template_that_knows_none() -> None:
    text, prompt = prepare("")
    assert "<tools>" in text
    assert prompt.syntax == "hermes"
    text, prompt = prepare("", tools=None)
    assert "<tool_response>" in text
    assert (prompt.syntax, prompt.grammar) == ("", None)
