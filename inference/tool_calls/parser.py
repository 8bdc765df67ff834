"""A reply's text, in whatever pieces it comes, to what is said and which functions are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.tool_calls.syntax import ToolSyntax


@dataclass(frozen=True)
class Said:
    """Text for the user."""

    text: str


@dataclass(frozen=True)
class Called:
    """A call begins; the reply's calls are counted from 0."""

    index: int
    name: str


@dataclass(frozen=True)
class Argued:
    """A piece of a call's arguments, which together are a JSON object."""

    index: int
    fragment: str


Part = Said | Called | Argued


@dataclass(frozen=True)
class Call:
    """A whole call, or as much as there is of it."""

    name: str
    arguments: str


class ToolCallParser:
    """Reads one reply. The parts do not depend on how the text is cut, but for being cut themselves.

    Blank text before and between calls is nobody's; a call that ends before its name does is none.
    """

    def __init__(self, syntax: ToolSyntax) -> None:
        self._syntax = syntax
        self._read: Callable[[str], None] = self._read_text
        self._parts: list[Part] = []
        self._held = ""
        self._blank = ""
        self._calls = 0
        self._depth = 0
        self._in_string = self._escaped = False

    def feed(self, text: str) -> list[Part]:
        """The parts that more text completes."""
        for character in text:
            self._read(character)
        return self._take()

    def finish(self) -> list[Part]:
        """The parts that were held back because a call might have begun."""
        if self._read == self._read_text:
            self._say(self._held)
            if not self._calls:
                self._add(Said(self._blank))
        return self._take()

    def _read_text(self, character: str) -> None:
        trigger = self._syntax.trigger
        self._held += character
        while not trigger.startswith(self._held):
            self._say(self._held[0])
            self._held = self._held[1:]
        if self._held == trigger:
            self._blank = ""
            self._read = self._read_opening
            self._read_opening("")

    def _read_opening(self, character: str) -> None:
        self._held += character
        if self._held == self._syntax.opening + self._syntax.head:
            self._begin_name()

    def _begin_name(self) -> None:
        self._held = ""
        self._read = self._read_name

    def _read_name(self, character: str) -> None:
        self._held += character
        if self._held.endswith(self._syntax.middle):
            self._add(Called(self._calls, self._held.removesuffix(self._syntax.middle)))
            self._held = ""
            self._read = self._read_arguments

    def _read_arguments(self, character: str) -> None:
        self._add(Argued(self._calls, character))
        if self._escaped:
            self._escaped = False
        elif self._in_string:
            self._escaped = character == "\\"
            self._in_string = character != '"'
        elif character == '"':
            self._in_string = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            if self._depth == 0:
                self._calls += 1
                self._read = self._read_rest

    def _read_rest(self, character: str) -> None:
        self._held = (self._held + character).lstrip()
        syntax = self._syntax
        if syntax.separator and self._held == (syntax.tail + syntax.separator + syntax.head).lstrip():
            self._begin_name()

    def _say(self, text: str) -> None:
        self._blank += text
        if text.strip():
            self._add(Said(self._blank))
            self._blank = ""

    def _add(self, part: Part) -> None:
        if isinstance(part, Said) and not part.text:
            return
        last = self._parts[-1] if self._parts else None
        if isinstance(part, Said) and isinstance(last, Said):
            self._parts[-1] = Said(last.text + part.text)
        elif isinstance(part, Argued) and isinstance(last, Argued) and last.index == part.index:
            self._parts[-1] = Argued(part.index, last.fragment + part.fragment)
        else:
            self._parts.append(part)

    def _take(self) -> list[Part]:
        parts, self._parts = self._parts, []
        return parts


def read_reply(text: str, syntax: ToolSyntax) -> tuple[str, list[Call]]:
    """What a whole reply says, and its calls."""
    parser = ToolCallParser(syntax)
    said = ""
    calls: list[Call] = []
    for part in [*parser.feed(text), *parser.finish()]:
        match part:
            case Said(text=more):
                said += more
            case Called(name=name):
                calls.append(Call(name, ""))
            case Argued(fragment=fragment):
                calls[-1] = Call(calls[-1].name, calls[-1].arguments + fragment)
    return said, calls
