"""Calls of functions as providers stream them, spelt as models of our own do it: one parser reads all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from inference.tool_calls.syntax import HERMES


class Named(msgspec.Struct, frozen=True):
    """The name of a call, in its first fragment, and a piece of its arguments."""

    name: str | None = None
    arguments: str | None = None


class Fragment(msgspec.Struct, frozen=True):
    """A piece of a call. Whole calls in one fragment each may all have the same index."""

    index: int = 0
    function: Named = Named()


class CallWriter:
    """Writes one answer's calls. A call without arguments is given an empty object."""

    def __init__(self) -> None:
        self.has_begun = False
        self._index = -1
        self._argued = False

    def write(self, fragments: Sequence[Fragment]) -> str:
        """What these fragments add to the reply's text."""
        return "".join(piece for fragment in fragments for piece in self._pieces(fragment))

    def finish(self) -> str:
        """The end of the last call, if there was one."""
        return f"{self._end()}{HERMES.tail}{HERMES.closing}" if self.has_begun else ""

    def _pieces(self, fragment: Fragment) -> Iterator[str]:
        if fragment.function.name:
            between = f"{self._end()}{HERMES.tail}{HERMES.separator}" if self.has_begun else HERMES.opening
            yield f"{between}{HERMES.head}{fragment.function.name}{HERMES.middle}"
            self.has_begun, self._index, self._argued = True, fragment.index, False
        if fragment.function.arguments and self.has_begun and fragment.index == self._index:
            self._argued = True
            yield fragment.function.arguments

    def _end(self) -> str:
        return "" if self._argued else "{}"
