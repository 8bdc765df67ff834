"""Why something failed, in the reader's language."""

from __future__ import annotations

from chatproject.translations import refusal
from inference.types.errors import Reason, Value


def in_words(message: str, reason: Reason | None) -> str:
    """A failure in the active language, as far as the catalogue knows its sentence."""
    return _say(reason or message)


def _say(value: Value) -> str:
    if isinstance(value, Reason):
        return refusal(value.sentence) % {name: _say(each) for name, each in value.values.items()}
    return refusal(value) if value and isinstance(value, str) else str(value)
