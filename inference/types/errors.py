"""What an engine refuses, in words for the user."""

from __future__ import annotations

import msgspec

STOPPED = "engine_stopped"
"""The code of a request that ended with its engine, not by itself: another worker may go on with it."""


class Reason(msgspec.Struct, frozen=True):
    """A sentence with `%(name)s` where one of `values` belongs, so that it can be said in other languages.

    As a text it is in English, filled in. A value may be a sentence itself.
    """

    sentence: str
    values: dict[str, Value]

    def __str__(self) -> str:
        return self.sentence % self.values


Value = str | int | Reason


class InferenceError(Exception):
    """A request the engine refuses. `code` is stable; the message is a sentence for the user, which has a
    `reason` where it tells of values.
    """

    def __init__(self, code: str, message: str | Reason, *, retryable: bool = False) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = str(message)
        self.reason = message if isinstance(message, Reason) else None
        self.retryable = retryable


def engine_stopped() -> InferenceError:
    """Why an engine that leaves does not answer."""
    return InferenceError(
        STOPPED, "The engine is stopping. The reply will continue elsewhere.", retryable=True
    )
