"""Which messages of a long conversation the model gets to see: pure functions of messages and token counts.

The system prompt and the latest message are always kept, and everything stays in order. All but `last_turns`
do nothing while the conversation fits the window. When it is full the oldest messages go until at most
`retain_tokens` are left, so that the prompts of the turns that follow share a prefix, and the prefix cache
works, until the window is full again: where to cut depends on the conversation alone, not on earlier cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from inference.backends.base import Tokenizer
from inference.prompt.compression import CountTokens, compress
from inference.prompt.prepare import disarm
from inference.types import PromptMessage

CACHED_COUNTS = 16_384


class ContextPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keep_all`; `last_turns`: the latest `turns`, each beginning with a user's message; `sliding_window`;
    or `compress`: what the sliding window would drop is shortened to `compression_ratio` of its tokens,
    message by message, and dropped from the oldest on only where the window is still too small.

    `window` is the number of tokens that all messages may have together.
    """

    kind: Literal["keep_all", "last_turns", "sliding_window", "compress"] = "keep_all"
    turns: Annotated[int, Meta(ge=1, le=10_000)] = 10
    window: Annotated[int, Meta(ge=1, le=1_048_576)] = 4096
    retain_tokens: Annotated[int, Meta(ge=0, le=1_048_576)] = 2048
    compression_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.7


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy left out: whole messages, messages shortened, and the tokens of both."""

    messages: int = 0
    compressed: int = 0
    tokens: int = 0


class ChosenContext(msgspec.Struct, frozen=True, kw_only=True):
    """The messages for the prompt."""

    messages: list[PromptMessage]
    dropped: Dropped


class TokenCounter:
    """Counts with the model's own tokenizer, and remembers texts seen lately. Safe from any thread."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._empty = len(tokenizer.tokenize(""))  # a BOS is the prompt's, not a message's
        self.count: CountTokens = lru_cache(maxsize=CACHED_COUNTS)(self._count)

    def _count(self, text: str) -> int:
        return len(self._tokenizer.tokenize(disarm(text, self._tokenizer.control_texts))) - self._empty


def apply_policy(
    messages: Sequence[PromptMessage], policy: ContextPolicy, count: CountTokens, *, overhead: int = 0
) -> ChosenContext:
    """Choose by a policy. `overhead` is the number of tokens that the chat template adds to each message."""
    if policy.kind == "keep_all" or not messages:
        return ChosenContext(messages=list(messages), dropped=Dropped())
    if policy.kind == "last_turns":
        first = _start_of_turns(messages, policy.turns)
        texts = [None if at < first else message.content for at, message in enumerate(messages)]
        return _choose(messages, texts, count, overhead)
    sizes = [count(message.content) + overhead for message in messages]
    first = _start_of_window(messages, sizes, policy)
    texts = [None if at < first else message.content for at, message in enumerate(messages)]
    if policy.kind == "compress":
        _compress_old(messages, texts, sizes, policy, count, overhead)
    return _choose(messages, texts, count, overhead)


def _start_of_turns(messages: Sequence[PromptMessage], turns: int) -> int:
    starts = [at for at, message in enumerate(messages) if message.role == "user"]
    return starts[-turns] if len(starts) >= turns else 0


def _start_of_window(messages: Sequence[PromptMessage], sizes: list[int], policy: ContextPolicy) -> int:
    """Replays the conversation: each time it outgrew the window it was cut back to `retain_tokens`."""
    is_system = [message.role == "system" for message in messages]
    fixed = sum(size for size, system in zip(sizes, is_system, strict=True) if system)
    room = policy.window - fixed
    retained = min(policy.retain_tokens, room)
    first, total = 0, 0
    for at, size in enumerate(sizes):
        total += 0 if is_system[at] else size
        if total <= room:
            continue
        while first < at and (total > retained or messages[first].role == "assistant"):
            total -= 0 if is_system[first] else sizes[first]
            first += 1
    return first


def _compress_old(
    messages: Sequence[PromptMessage],
    texts: list[str | None],
    sizes: list[int],
    policy: ContextPolicy,
    count: CountTokens,
    overhead: int,
) -> None:
    """Give dropped messages back, the latest first, shortened, as long as the window has room."""
    kept = (
        size for size, message, text in zip(sizes, messages, texts, strict=True) if _is_kept(message, text)
    )
    room = policy.window - sum(kept)
    for at in reversed(range(len(messages))):
        if _is_kept(messages[at], texts[at]):
            continue
        budget = int((sizes[at] - overhead) * policy.compression_ratio)
        shortened = compress(messages[at].content, budget, count)
        room -= count(shortened) + overhead
        if room < 0 or not shortened:
            return
        texts[at] = shortened


def _is_kept(message: PromptMessage, text: str | None) -> bool:
    return text is not None or message.role == "system"


def _choose(
    messages: Sequence[PromptMessage], texts: list[str | None], count: CountTokens, overhead: int
) -> ChosenContext:
    chosen: list[PromptMessage] = []
    dropped = compressed = tokens = 0
    for message, text in zip(messages, texts, strict=True):
        if message.role == "system" or text == message.content:
            chosen.append(message)
        elif text is None:
            dropped += 1
            tokens += count(message.content) + overhead
        else:
            compressed += 1
            tokens += count(message.content) - count(text)
            chosen.append(PromptMessage(role=message.role, content=text))
    record = Dropped(messages=dropped, compressed=compressed, tokens=tokens)
    return ChosenContext(messages=chosen, dropped=record)
