"""What an engine refuses, in words for the user."""

from __future__ import annotations

STOPPED = "engine_stopped"
"""The code of a request that ended with its engine, not by itself: another worker may go on with it."""


class InferenceError(Exception):
    """A request the engine refuses. `code` is stable; the message is a sentence for the user."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


def engine_stopped() -> InferenceError:
    """Why an engine that leaves does not answer."""
    return InferenceError(
        STOPPED, "The engine is stopping. The reply will continue elsewhere.", retryable=True
    )
