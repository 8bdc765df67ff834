"""What of a long conversation the model sees, and what becomes of a window that is full."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PolicyKind = Literal["keep_all", "last_turns", "sliding_window", "compress"]


class ContextPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages of a long conversation the model gets to see.

    `keep_all`; `last_turns`: the latest `turns`, each beginning with a user's message; `sliding_window`;
    or `compress`: what the sliding window would drop is shortened to `compression_ratio` of its tokens,
    message by message, and dropped from the oldest on only where the window is still too small.

    `window` is the number of tokens that prompt and reply may have together, 0 for the model's own; of it
    `reply_tokens` are left free, but no more than a quarter. When it is full, `retain_tokens` are kept.
    With `shift` the prompt comes with what a `ContextShift` has to know of it.
    """

    kind: PolicyKind = "keep_all"
    turns: Annotated[int, Meta(ge=1, le=10_000)] = 10
    window: Annotated[int, Meta(ge=0, le=1_048_576)] = 0
    reply_tokens: Annotated[int, Meta(ge=0, le=1_048_576)] = 0
    retain_tokens: Annotated[int, Meta(ge=0, le=1_048_576)] = 2048
    compression_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.7
    shift: bool = False


KEEP_ALL = ContextPolicy()


class ContextShift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a reply goes on whose window is full: of what follows the first `keep` tokens of the prompt the
    oldest half is forgotten, and more where that leaves more than `retain` tokens.

    What stays was computed in sight of what is gone; only its positions are corrected. Where `keep` is more
    than three quarters of the window, or the model cannot do it, the reply ends as `length` all the same.
    """

    keep: Annotated[int, Meta(ge=0, le=1_048_576)]
    retain: Annotated[int, Meta(ge=0, le=1_048_576)] = 1_048_576


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """What a context policy left out: whole messages, messages shortened, and the tokens of both."""

    messages: int = 0
    compressed: int = 0
    tokens: int = 0
