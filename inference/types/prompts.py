"""Conversations, as people wrote them and as the model reads them."""

from __future__ import annotations

from typing import Literal

import msgspec

from inference.types.context import Dropped
from inference.types.forms import GrammarSpec
from inference.types.tools import ToolCall

SpeakerRole = Literal["system", "user", "assistant", "tool"]
MAX_TEMPLATE = 100_000
"""Characters of a chat template: the longest that models come with have a quarter of that."""


class PromptMessage(msgspec.Struct, frozen=True):
    """One turn of the conversation as the chat template sees it. A `tool` message answers one call."""

    role: SpeakerRole
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class PreparedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered and tokenised conversation, with the stop strings its template implies.

    With tools: the `syntax` of calls, the grammar that binds them, and control tokens that take part in them.
    A remote model renders for itself: then there are `messages`, and no tokens.
    `written_ids` are the tokens of the part of the reply that exists already, if that was given.
    `window` is how many tokens prompt and reply may have together, 0 where that is not known. Where the
    policy asked for it, the template's beginning and the system prompt are the first `kept` tokens.
    """

    token_ids: list[int]
    stop: tuple[str, ...] = ()
    dropped: Dropped = Dropped()
    syntax: str = ""
    grammar: GrammarSpec | None = None
    spelled_ids: tuple[int, ...] = ()
    messages: list[PromptMessage] = []
    written_ids: list[int] = []
    window: int = 0
    kept: int = 0
