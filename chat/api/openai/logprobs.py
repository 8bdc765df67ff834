"""Probabilities of tokens, in the words of each endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from chat.realtime.protocol.views import TokenAlternative, TokenLogprob


def chat_logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """As `chat/completions` and `responses` have them."""
    content = [_entry(each) | {"top_logprobs": [_entry(other) for other in each.top]} for each in tokens]
    return {"content": content, "refusal": None}


def text_logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """As `completions` has them; offsets count from the first of these tokens."""
    sizes = [len(each.token) for each in tokens]
    return {
        "tokens": [each.token for each in tokens],
        "token_logprobs": [each.logprob for each in tokens],
        "top_logprobs": [{other.token: other.logprob for other in each.top} for each in tokens],
        "text_offset": [0, *accumulate(sizes)][: len(tokens)],
    }


def _entry(each: TokenAlternative) -> dict[str, Any]:
    return {"token": each.token, "logprob": each.logprob, "bytes": each.bytes}
