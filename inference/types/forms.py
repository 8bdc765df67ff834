"""What binds the form of a reply: grammars, JSON and its schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inference.types.tools import MAX_FUNCTIONS


class GrammarSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GBNF grammar (rule `root`) that the reply has to follow.

    Its rules may use `schema0`, `schema1` and so on, which stand for JSON that fits the `schemas`.

    With a `trigger` it is lazy: the reply is free until it says the trigger, and what comes *after* that
    follows the grammar to its end. The trigger's last character always ends a token.
    """

    gbnf: Annotated[str, Meta(min_length=1, max_length=65_536)]
    trigger: Annotated[str, Meta(max_length=256)] = ""
    schemas: Annotated[tuple[dict[str, Any], ...], Meta(max_length=MAX_FUNCTIONS)] = ()


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reply's form. `json_object` is any JSON object; `json_schema` follows `schema`.

    A strict `json_schema` reply is released only when it is whole and valid; one that is not is sampled anew
    a few times, and then fails as `invalid_output`. With `partial` one that its tokens, its time or a
    cancel cut off is released as it is. Without strictness the text streams and only the grammar binds it.
    """

    type: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None
    strict: bool = True
    partial: bool = False
