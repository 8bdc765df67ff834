"""Rows that tell why something failed."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import models

from chat.wording import in_words
from inference.types.errors import Reason


class Explained(models.Model):
    """`error_message` is in English; `error_reason` is the sentence and its values, where it tells of any."""

    error_message = models.TextField(blank=True)
    error_reason = models.JSONField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def reason(self) -> Reason | None:
        """What other languages make their sentence of."""
        return msgspec.convert(self.error_reason, Reason | None)

    @property
    def shown_error(self) -> str:
        """Why it failed, in the reader's language."""
        return in_words(self.reason or self.error_message)


def stored_reason(reason: Reason | None) -> dict[str, Any] | None:
    """As `error_reason` keeps it."""
    stored: dict[str, Any] | None = msgspec.to_builtins(reason)
    return stored
