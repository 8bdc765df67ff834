"""Which messages of a long conversation the model gets to see: pure functions of messages and token counts.

System messages and the latest other message are always kept, and everything stays in order. All but
`last_turns` do nothing while the conversation fits the window. When it is full the oldest messages go
until at most `retain_tokens` are left, so that the prompts of the turns that follow share a prefix, and
the prefix cache works, until the window is full again: where to cut depends on the conversation alone,
not on earlier cuts.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inference.prompt.compression import CountTokens, compress
from inference.types.context import ContextPolicy, Dropped
from inference.types.prompts import PromptMessage

ANSWERS = ("assistant", "tool")
"""No window begins with one of these: what they answer would be missing."""

WITHOUT_COUNTING = ("keep_all", "last_turns")
"""The policies that need no tokens."""
UNCOUNTED = (
    "context_policy %(policy)s counts tokens, which nobody here can do for a remote model: choose keep_all "
    "or last_turns."
)


class ChosenContext(msgspec.Struct, frozen=True, kw_only=True):
    """The messages for the prompt."""

    messages: list[PromptMessage]
    dropped: Dropped


def apply_policy(
    messages: Sequence[PromptMessage],
    policy: ContextPolicy,
    count: CountTokens,
    *,
    room: int,
    overhead: int = 0,
) -> ChosenContext:
    """Choose by a policy. All messages together may have `room` tokens; the chat template adds `overhead`
    tokens to each.
    """
    if policy.kind == "keep_all" or not messages:
        return ChosenContext(messages=list(messages), dropped=Dropped())
    sizes = [count(message.content) + overhead for message in messages]
    if policy.kind == "last_turns":
        first = _start_of_turns(messages, policy.turns)
    else:
        first = _start_of_window(messages, sizes, room, policy.retain_tokens)
    shortened: dict[int, str] = {}
    if policy.kind == "compress":
        left = room - sum(sizes[first:]) - sum(_sizes_of_system(messages, sizes, first))
        shortened = _compress_old(messages[:first], sizes, left, policy.compression_ratio, count, overhead)
    return _choose(messages, first, shortened, sizes, count, overhead)


def _start_of_turns(messages: Sequence[PromptMessage], turns: int) -> int:
    starts = [at for at, message in enumerate(messages) if message.role == "user"]
    return starts[-turns] if len(starts) >= turns else 0


def _start_of_window(messages: Sequence[PromptMessage], sizes: list[int], room: int, retain: int) -> int:
    """Replays the conversation: each time it outgrew the room it was cut back to `retain` tokens."""
    room -= sum(_sizes_of_system(messages, sizes, len(messages)))
    retained = min(retain, room)
    roles = [message.role for message in messages]
    first = total = 0
    for at, size in enumerate(sizes):
        if roles[at] == "system":
            continue
        total += size
        if total > room:
            while first < at and (total > retained or roles[first] in ANSWERS):
                total -= 0 if roles[first] == "system" else sizes[first]
                first += 1
    return first


def _sizes_of_system(messages: Sequence[PromptMessage], sizes: list[int], end: int) -> list[int]:
    return [sizes[at] for at in range(end) if messages[at].role == "system"]


def _compress_old(
    old: Sequence[PromptMessage],
    sizes: list[int],
    room: int,
    ratio: float,
    count: CountTokens,
    overhead: int,
) -> dict[int, str]:
    """Give dropped messages back, the latest first, shortened, as long as there is room."""
    shortened: dict[int, str] = {}
    for at in reversed(range(len(old))):
        if old[at].role == "system":
            continue
        text = compress(old[at].content, int((sizes[at] - overhead) * ratio), count)
        room -= count(text) + overhead
        if room < 0 or not text:
            break
        shortened[at] = text
    return shortened


def _choose(
    messages: Sequence[PromptMessage],
    first: int,
    shortened: dict[int, str],
    sizes: list[int],
    count: CountTokens,
    overhead: int,
) -> ChosenContext:
    chosen: list[PromptMessage] = []
    dropped = compressed = tokens = 0
    for at, message in enumerate(messages[:first]):
        text = shortened.get(at)
        if message.role == "system" or text == message.content:
            chosen.append(message)
        elif text is None:
            dropped += 1
            tokens += sizes[at]
        else:
            compressed += 1
            tokens += sizes[at] - count(text) - overhead
            chosen.append(PromptMessage(role=message.role, content=text))
    record = Dropped(messages=dropped, compressed=compressed, tokens=tokens)
    return ChosenContext(messages=[*chosen, *messages[first:]], dropped=record)
