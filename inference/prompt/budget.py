"""Token budgets: what fits the window."""

from __future__ import annotations

from inference.types import InferenceError


def check_length(n_tokens: int, n_ctx: int) -> None:
    """Raises `InferenceError` when a prompt leaves no room for a reply."""
    if n_tokens >= n_ctx:
        raise InferenceError(
            "context_length_exceeded",
            f"The conversation is {n_tokens} tokens long, but the model's window is {n_ctx}. "
            "Start a new session or shorten the conversation.",
        )
