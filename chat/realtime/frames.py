"""Reading what a client sent: a command, or an error that says what is wrong with it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from chat.realtime.protocol.commands import MAX_CONTENT_CHARS, ClientCommand, decode_command
from chat.realtime.protocol.views import CommandError
from chat.services.text import is_storable

KNOWN_TYPES = tuple(member.__struct_config__.tag for member in ClientCommand.__args__)


class BadFrame(Exception):  # noqa: N818  an answer, not a fault
    """A frame that is no command. `request_id` is the client's, where it could be read."""

    def __init__(self, error: CommandError, request_id: str | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.request_id = request_id


def read_command(text: str) -> ClientCommand:
    """The command in a text frame. Raises `BadFrame`."""
    try:
        return decode_command(text)
    except (msgspec.DecodeError, RecursionError) as error:
        loose = _read_loosely(text)
        raise BadFrame(_explain(error, loose), _request_id(loose)) from error


def _read_loosely(text: str) -> Any:
    """The standard parser takes what the strict one refuses, such as half of a surrogate pair."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _request_id(loose: Any) -> str | None:
    found = loose.get("request_id") if isinstance(loose, dict) else None
    return found if isinstance(found, str) and len(found) <= 100 and is_storable(found) else None


def _explain(error: Exception, loose: Any) -> CommandError:
    if not isinstance(loose, dict):
        return CommandError(code="invalid_frame", message="A frame must be a JSON object with a type.")
    if loose.get("type") not in KNOWN_TYPES:
        known = ", ".join(KNOWN_TYPES)
        return CommandError(code="unknown_type", message=f"type must be one of {known}.", field="type")
    if not isinstance(error, msgspec.ValidationError):
        return _explain_characters(loose)
    return _explain_field(str(error), loose)


def _explain_characters(loose: dict[str, Any]) -> CommandError:
    for name, value in loose.items():
        if not is_storable(json.dumps(value, ensure_ascii=False)):
            message = (
                f"{name} contains characters that cannot be stored (U+0000 or half of a surrogate pair)."
            )
            return CommandError(code="invalid_content", message=message, field=name)
    return CommandError(code="invalid_frame", message="This frame is not valid JSON.")


def _explain_field(problem: str, loose: dict[str, Any]) -> CommandError:
    """From msgspec's words, such as "Expected `int`, got `str` - at `$.after_seq`", to a sentence."""
    named = re.search(r"`\$\.(\w+)|(?:unknown|required) field `(.*?)`", problem)
    field = next(filter(None, named.groups()), None) if named else None
    if "unknown field" in problem:
        message = f"{loose['type']} has no field named {field!r}."
    elif "missing required field" in problem:
        message = f"{field} is missing."
    elif field == "content":
        return CommandError(code="invalid_content", message=_explain_content(loose), field=field)
    else:
        message = f"{field} is not valid: {_RULES.get(field or '', 'see the protocol')}."
    return CommandError(code="invalid_field", message=message, field=field)


def _explain_content(loose: dict[str, Any]) -> str:
    content = loose.get("content")
    if not isinstance(content, str):
        return "content must be text."
    if not content:
        return "content is empty: write a message first."
    return f"content is too long: at most {MAX_CONTENT_CHARS} characters are allowed."


_RULES = {
    "request_id": "it must be text of 1 to 100 characters",
    "parent_id": "it must be the id of a message",
    "message_id": "it must be the id of a message",
    "generation_id": "it must be the id of a generation",
    "after_seq": "it must be a whole number from -1",
    "options": "it must be an object",
}
