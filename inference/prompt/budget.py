"""Token budgets: what fits the window."""

from __future__ import annotations

from inference.backends.base import SEPARATOR
from inference.types.errors import InferenceError, Reason, Value

TOO_LONG = "context_length_exceeded"


def check_size(text: str, longest_piece: int, n_ctx: int) -> None:
    """Raises `InferenceError` when a text cannot fit, however it is tokenised: that would take long."""
    size = len(text.replace(SEPARATOR, "").encode("utf-8", "replace"))
    check_length(-(-size // longest_piece), n_ctx, is_guess=True)


def check_length(n_tokens: int, n_ctx: int, *, is_guess: bool = False) -> None:
    """Raises `InferenceError` when a prompt leaves no room for a reply."""
    if n_tokens >= n_ctx:
        values: dict[str, Value] = {"tokens": n_tokens, "window": n_ctx}
        raise InferenceError(TOO_LONG, _at_least_so_long(values) if is_guess else _so_long(values))


def _so_long(values: dict[str, Value]) -> Reason:
    return Reason(
        "The conversation is %(tokens)s tokens long, but the model's window is %(window)s. Shorten it, "
        'choose what to leave out under "Long conversations" in the chat\'s settings, or start a new chat.',
        values,
    )


def _at_least_so_long(values: dict[str, Value]) -> Reason:
    return Reason(
        "The conversation is at least %(tokens)s tokens long, but the model's window is %(window)s. Shorten "
        'it, choose what to leave out under "Long conversations" in the chat\'s settings, or start a new '
        "chat.",
        values,
    )
