"""Functions that a reply may call, and calls that were made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MAX_FUNCTIONS = 128
FUNCTION_NAME = r"^[a-zA-Z0-9_.-]{1,128}$"


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the assistant made; `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A function that the model may call. The arguments of a strict one follow `parameters` or nothing."""

    name: Annotated[str, Meta(pattern=FUNCTION_NAME)]
    description: Annotated[str, Meta(max_length=20_000)] = ""
    parameters: dict[str, Any] | None = None
    strict: bool = False


class ToolUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which functions a reply may call, or has to; `syntax` is how this model spells calls, once known."""

    functions: Annotated[tuple[FunctionSpec, ...], Meta(min_length=1, max_length=MAX_FUNCTIONS)]
    choice: Literal["auto", "required"] = "auto"
    parallel: bool = True
    syntax: str = ""
