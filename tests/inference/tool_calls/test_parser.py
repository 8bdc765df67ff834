"""Calls in a reply's text, however it is cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.tool_calls import SYNTAXES, Argued, Called, Part, Said, ToolCallParser, ToolSyntax, read_reply
from inference.tool_calls.parser import Call

ALL = list(SYNTAXES.values())
NAMES = st.from_regex(r"[a-zA-Z0-9_.-]{1,12}", fullmatch=True)
ARGUMENTS = st.dictionaries(
    st.text(max_size=6), st.recursive(st.text(max_size=8) | st.integers(), st.lists, max_leaves=4), max_size=3
)
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3)
PROSE = st.text(st.sampled_from('ab <>{}[]"_/toolcnameTOLCAS:\n'), max_size=30)


def spell(said: str, calls: list[tuple[str, Any]], syntax: ToolSyntax) -> str:
    if not calls:
        return said
    spelt = [f"{name}{syntax.middle}{json.dumps(given)} {syntax.tail}" for name, given in calls]
    return said + syntax.opening + syntax.head + (syntax.separator + syntax.head).join(spelt) + syntax.closing


def parts_of(text: str, syntax: ToolSyntax, cuts: list[int]) -> list[Part]:
    parser, parts = ToolCallParser(syntax), list[Part]()
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in pairwise(edges):
        parts += parser.feed(text[start:end])
    return parts + parser.finish()


def joined(parts: list[Part]) -> list[Part]:
    whole: list[Part] = []
    for part in parts:
        match whole[-1] if whole else None, part:
            case Said(text=before), Said(text=text):
                whole[-1] = Said(before + text)
            case Argued(index=index, fragment=before), Argued(index=same, fragment=more) if index == same:
                whole[-1] = Argued(index, before + more)
            case _:
                whole.append(part)
    return whole


@given(PROSE, CALLS, st.sampled_from(ALL), st.lists(st.integers(0, 500), max_size=12))
def test_any_cutting_gives_the_same(said: str, calls: Any, syntax: ToolSyntax, cuts: list[int]) -> None:
    text = spell(said, calls, syntax)
    assert joined(parts_of(text, syntax, cuts)) == joined(parts_of(text, syntax, list(range(len(text)))))


@given(st.text(max_size=60), st.sampled_from(ALL), st.lists(st.integers(0, 500), max_size=8))
def test_without_a_call_nothing_is_lost(text: str, syntax: ToolSyntax, cuts: list[int]) -> None:
    if syntax.trigger not in text:
        assert joined(parts_of(text, syntax, cuts)) == ([Said(text)] if text else [])


@given(CALLS.filter(bool), st.sampled_from(ALL))
def test_every_call_is_read(calls: list[tuple[str, Any]], syntax: ToolSyntax) -> None:
    made = calls if syntax.separator else calls[:1]
    said, found = read_reply(spell("Let me see.\n", made, syntax), syntax)
    assert said == "Let me see."
    assert [(call.name, json.loads(call.arguments)) for call in found] == made


@given(CALLS.filter(bool), st.sampled_from(ALL), st.integers(0, 500))
def test_a_reply_cut_short_loses_only_what_is_missing(
    calls: list[tuple[str, Any]], syntax: ToolSyntax, end: int
) -> None:
    made = calls if syntax.separator else calls[:1]
    text = spell("", made, syntax)
    _, found = read_reply(text[: len(syntax.opening + syntax.head) + end], syntax)
    _, whole = read_reply(text, syntax)
    assert [call.name for call in found] == [call.name for call in whole[: len(found)]]
    assert all(all_.arguments.startswith(part.arguments) for part, all_ in zip(found, whole, strict=False))


def test_parts_in_order() -> None:
    text = 'Yes. <tool_call>\n{"name": "f", "arguments": {"a": "}\\""}}\n</tool_call>'
    parts = parts_of(text, SYNTAXES["hermes"], [])
    assert parts == [Said("Yes."), Called(0, "f"), Argued(0, '{"a": "}\\""}')]


@pytest.mark.parametrize("text", ["", " \n", "<tool_cal", "I write <b>"])
def test_what_only_looks_like_a_call_is_said(text: str) -> None:
    assert read_reply(text, SYNTAXES["hermes"]) == (text, [])


def test_a_call_without_its_name_is_none() -> None:
    assert read_reply('Hm <tool_call>\n{"name": "get_', SYNTAXES["hermes"]) == ("Hm", [])
    assert read_reply('{"name": "f", "parameters": {"a', SYNTAXES["llama"]) == ("", [Call("f", '{"a')])
