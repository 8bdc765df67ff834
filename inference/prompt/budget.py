"""Token budgets: what fits the window."""

from __future__ import annotations

from inference.backends.base import SEPARATOR
from inference.types.errors import InferenceError

TOO_LONG = "context_length_exceeded"


def check_size(text: str, longest_piece: int, n_ctx: int) -> None:
    """Raises `InferenceError` when a text cannot fit, however it is tokenised: that would take long."""
    size = len(text.replace(SEPARATOR, "").encode("utf-8", "replace"))
    check_length(-(-size // longest_piece), n_ctx, prefix="at least ")


def check_length(n_tokens: int, n_ctx: int, *, prefix: str = "") -> None:
    """Raises `InferenceError` when a prompt leaves no room for a reply."""
    if n_tokens >= n_ctx:
        raise InferenceError(
            TOO_LONG,
            f"The conversation is {prefix}{n_tokens} tokens long, but the model's window is {n_ctx}. "
            "Start a new session or shorten the conversation.",
        )
