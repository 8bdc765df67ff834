"""Whatever the model would say, a call is spelt as its family spells it and fits the function's schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from inference.backends.llama.backend import LlamaBackend
from inference.config import EngineConfig
from inference.grammars import check_gbnf
from inference.tool_calls import SYNTAXES, ToolSyntax, calls_grammar, parameters_of, read_reply
from inference.types.errors import InferenceError
from inference.types.tools import FunctionSpec, ToolUse
from tests.support.llama import FREE, answer

PLACE = {
    "$defs": {"place": {"type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}}},
    "properties": {"at": {"$ref": "#/$defs/place"}, "days": {"type": "integer"}},
    "required": ["at"],
    "additionalProperties": False,
}
FUNCTIONS = (
    FunctionSpec(name="get_weather", parameters=PLACE),
    FunctionSpec(name="roll", parameters={"properties": {"sides": {"enum": [6, 20]}}, "required": ["sides"]}),
)
SCHEMAS = {function.name: parameters_of(function) for function in FUNCTIONS}


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=list(SYNTAXES))
@pytest.mark.parametrize("parallel", [True, False])
def test_calls_that_must_be_made(
    llama: LlamaBackend, llama_config: EngineConfig, syntax: ToolSyntax, parallel: bool
) -> None:
    tools = ToolUse(functions=FUNCTIONS, choice="required", parallel=parallel)
    options = FREE | {"grammar": calls_grammar(tools, syntax), "max_tokens": 200}
    for seed in range(3):
        seen = answer(llama, llama_config, llama.tokenize("hi"), **options | {"seed": seed})
        said, calls = read_reply(seen.text("a"), syntax)
        assert said == ""
        assert calls
        assert parallel or len(calls) == 1
        if seen.finished("a").finish_reason == "stop":
            for call in calls:
                Draft202012Validator(SCHEMAS[call.name]).validate(json.loads(call.arguments))


def test_a_call_the_model_chose_to_make(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    syntax = SYNTAXES["hermes"]
    grammar = calls_grammar(ToolUse(functions=FUNCTIONS, parallel=False), syntax)
    (less,) = llama.tokenize("<")
    assert grammar.trigger == "<tool_call>"
    options: dict[str, Any] = FREE | {"grammar": grammar, "max_tokens": 40}
    free = answer(llama, llama_config, llama.tokenize("hi"), **options)
    assert read_reply(free.text("a"), syntax) == (free.text("a"), [])
    short = FunctionSpec(name="f", parameters={"maxProperties": 0, "additionalProperties": False})
    lazy = calls_grammar(ToolUse(functions=(short,), parallel=False), SYNTAXES["llama"])
    assert lazy.trigger == '{"name": "'
    assert lazy.gbnf.startswith("root ::= call")
    assert less


@pytest.mark.parametrize("parameters", [None, {}, {"not": {}}, {"type": "objekt"}])
def test_what_cannot_bind_is_any_object(parameters: Any) -> None:
    assert parameters_of(FunctionSpec(name="f", parameters=parameters)) == {"type": "object"}


def test_strict_functions_are_bound_or_refused() -> None:
    with pytest.raises(InferenceError, match="the keyword not"):
        parameters_of(FunctionSpec(name="f", parameters={"not": {}}, strict=True))


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=list(SYNTAXES))
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_the_grammar_is_whole(syntax: ToolSyntax, choice: Any) -> None:
    grammar = calls_grammar(ToolUse(functions=FUNCTIONS, choice=choice), syntax)
    rules = "\n".join(f'schema{number} ::= "{{}}"' for number in range(len(FUNCTIONS)))
    check_gbnf(f"{grammar.gbnf}\n{rules}")
