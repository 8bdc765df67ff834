"""A conversation to prompt tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from inference.backends.base import SEPARATOR, Tokenizer
from inference.prompt.budget import check_length, check_size
from inference.prompt.sandbox import MAX_SIZE, PromptTooLongError
from inference.prompt.templates import render_prompt, resolve_template
from inference.types import MAX_TEMPLATE, PreparedPrompt, PromptMessage


def prepare_prompt(
    tokenizer: Tokenizer, messages: Sequence[PromptMessage], template: str, n_ctx: int
) -> PreparedPrompt:
    """Render and tokenise; `template` is a choice as for `resolve_template`.

    Control tokens come from the template alone: their spellings inside messages are tokenised as plain text.
    Raises `InferenceError` (`unknown_chat_template`, `chat_template_error`, `context_length_exceeded`).
    """
    chosen = resolve_template(template, tokenizer.chat_template)
    disarmed = [
        PromptMessage(role=message.role, content=disarm(message.content, tokenizer.control_texts))
        for message in messages
    ]
    longest = tokenizer.longest_piece
    try:
        text = render_prompt(
            disarmed,
            template=chosen.source,
            bos_text=tokenizer.bos_text,
            eos_text=tokenizer.eos_text,
            max_size=_max_size(disarmed, longest * n_ctx),
        )
    except PromptTooLongError as error:
        check_size(error.beginning, longest, n_ctx)
        raise
    check_size(text, longest, n_ctx)
    token_ids = tokenizer.tokenize(text)
    check_length(len(token_ids), n_ctx)
    return PreparedPrompt(token_ids=token_ids, stop=chosen.stop)


def _max_size(messages: Sequence[PromptMessage], window: int) -> int:
    """Characters that a rendering may need. At most every other one of them is a separator; and a template
    may shorten a conversation, quote it, or hold all of it at once on its way to a prompt that fits.
    """
    conversation = sum(len(message.content) for message in messages)
    return min(MAX_SIZE, 2 * max(conversation, window) + MAX_TEMPLATE)


def disarm(text: str, control_texts: tuple[str, ...]) -> str:
    """Put a separator behind the first character of every control token's spelling."""
    text = text.replace(SEPARATOR, "\ufffd")
    if any(control in text for control in control_texts):
        text = _spellings(control_texts).sub(rf"\g<0>{SEPARATOR}", text)
    return text


@lru_cache(maxsize=8)
def _spellings(control_texts: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the first character of a spelling, overlapping ones included."""
    return re.compile(f"(?=(?:{'|'.join(map(re.escape, control_texts))})).", re.DOTALL)
