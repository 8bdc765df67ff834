"""Why something failed, in the reader's language."""

from __future__ import annotations

from chatproject.translations import refusal
from inference.types.errors import Reason, Value


def in_words(said: Value) -> str:
    """A sentence in the active language, as far as the catalogue knows it."""
    if isinstance(said, Reason):
        return refusal(said.sentence) % {name: in_words(each) for name, each in said.values.items()}
    return refusal(said) if said and isinstance(said, str) else str(said)
