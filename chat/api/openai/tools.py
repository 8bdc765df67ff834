"""Functions that a reply may call, and whether it has to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from chat.api.openai.errors import Refusal
from chat.api.parsing import Typed
from inference.types.errors import Reason
from inference.types.tools import FUNCTION_NAME


class FunctionIn(Typed):
    """A function's name, purpose and parameters (a JSON schema)."""

    name: Annotated[str, Field(pattern=FUNCTION_NAME)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolIn(Typed):
    """A tool; functions are the only kind there is."""

    type: Literal["function"]
    function: FunctionIn


def refuse_hosted(given: Any) -> Any:
    """A tool as it is, unless it is one that the server would have to run."""
    kind = given.get("type") if isinstance(given, dict) else None
    if isinstance(kind, str) and kind != "function":
        message = "tools of type '{kind}' are not supported, only functions are"
        raise PydanticCustomError("unsupported_tool", message, {"kind": kind})
    return given


FIELDS = {"name", "description", "parameters", "strict"}
ToolChoice = str | dict[str, Any]


def tool_options(
    functions: Sequence[FunctionIn], choice: ToolChoice | None, *, parallel: bool | None
) -> dict[str, Any]:
    """The turn's option `tools`; nothing when no function may be called. Raises `Refusal`.

    `choice` is none, auto, required, a function by name, or some of the functions.
    """
    mode, names = _read_choice(choice)
    known = {function.name for function in functions}
    if choice not in (None, "none", "auto") and not functions:
        raise Refusal("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if strange := next((name for name in names or [] if name not in known), None):
        why = Reason("There is no function named '%(name)s' in 'tools'.", {"name": strange[:100]})
        raise Refusal(why, param="tool_choice")
    allowed = [function for function in functions if names is None or function.name in names]
    if mode == "none" or not allowed:
        return {}
    return {
        "tools": {
            "functions": [function.model_dump(include=FIELDS, exclude_none=True) for function in allowed],
            "choice": mode,
            "parallel": parallel is not False,
        }
    }


def _read_choice(choice: ToolChoice | None) -> tuple[str, list[str] | None]:
    """The mode, and the names of the functions that are meant unless all are."""
    match choice:
        case None:
            return "auto", None
        case "none" | "auto" | "required":
            return str(choice), None
        case {"type": "function", "function": {"name": str(name)}} | {"type": "function", "name": str(name)}:
            return "required", [name]
        case {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto" | "required" as mode, "tools": tools},
        } | {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": tools} if isinstance(
            tools, list
        ):
            return str(mode), [_name(tool) for tool in tools]
    raise Refusal(
        "'tool_choice' must be none, auto, required, a function or allowed_tools.", param="tool_choice"
    )


def _name(tool: Any) -> str:
    match tool:
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return name
    raise Refusal("Each of the allowed tools must be a function with a name.", param="tool_choice")
