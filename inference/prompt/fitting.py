"""A conversation of any length to a prompt that fits: a context policy with the model's own token counts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import takewhile
from typing import NamedTuple

import msgspec

from inference.backends.base import Tokenizer
from inference.prompt.budget import TOO_LONG
from inference.prompt.policies import apply_policy
from inference.prompt.prepare import disarm, prepare_prompt
from inference.telemetry import ContextApplied, Listener
from inference.types.context import KEEP_ALL, ContextPolicy, Dropped
from inference.types.errors import InferenceError
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.tools import ToolUse

CACHED_COUNTS = 65_536
CACHED_TEMPLATES = 64
MOST_REPLY = 0.25
"""The share of a window that is kept free for the reply, however long that may become."""
TRIES = 3
"""A prompt can have a few more tokens than its parts: so often the room is made smaller by as many."""


class TokenCounter:
    """Counts with the model's own tokenizer, and remembers. Safe from any thread.

    It keeps hashes instead of texts: their key is the process's own secret, so none can be made to collide.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._empty = len(tokenizer.tokenize(""))  # a BOS is the prompt's, not a message's
        self._known: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def count(self, text: str) -> int:
        """The tokens of a message's text."""
        key = (hash(text), len(text))
        known = self._known.get(key)
        if known is None:
            known = len(self._tokenizer.tokenize(disarm(text, self._tokenizer.control_texts))) - self._empty
            self._remember(key, known)
        return known

    def _remember(self, key: tuple[int, int], number: int) -> None:
        with self._lock:
            self._known[key] = number
            if len(self._known) > CACHED_COUNTS:
                del self._known[next(iter(self._known))]


class TemplateCost(NamedTuple):
    """The tokens that a chat template adds: to every message, and once, tools included."""

    each: int
    once: int


class PromptMaker:
    """Prepares prompts for one model. Safe from any thread."""

    def __init__(self, tokenizer: Tokenizer, n_ctx: int, listener: Listener | None = None) -> None:
        self._tokenizer = tokenizer
        self._listener = listener
        self._n_ctx = n_ctx
        self._counter = TokenCounter(tokenizer)
        self._cost = lru_cache(maxsize=CACHED_TEMPLATES)(self._measure)

    def prepare(
        self,
        messages: Sequence[PromptMessage],
        template: str,
        policy: ContextPolicy = KEEP_ALL,
        tools: ToolUse | None = None,
        written: str = "",
    ) -> PreparedPrompt:
        """The prompt, and what the policy left out. Raises `InferenceError` as `prepare_prompt` does, also
        when what a policy always keeps does not fit.
        """
        prompt = self._fit(messages, template, policy, tools, written)
        if not policy.shift:
            return prompt
        kept = self._count_kept(prompt.token_ids, messages, template, tools)
        return msgspec.structs.replace(prompt, kept=kept)

    def _fit(
        self,
        messages: Sequence[PromptMessage],
        template: str,
        policy: ContextPolicy,
        tools: ToolUse | None,
        written: str,
    ) -> PreparedPrompt:
        window = min(policy.window or self._n_ctx, self._n_ctx)
        prepare = partial(prepare_prompt, self._tokenizer, shifts=policy.shift)
        if policy.kind == "keep_all":
            return prepare(messages, template, window, tools, written)
        cost = self._cost(template, msgspec.json.encode(tools))
        most = window - min(policy.reply_tokens, int(window * MOST_REPLY))
        room = most - cost.once
        for tries_left in reversed(range(TRIES)):
            chosen = apply_policy(messages, policy, self._counter.count, room=room, overhead=cost.each)
            try:
                prompt = prepare(chosen.messages, template, window, tools, written)
            except InferenceError as error:
                if error.code != TOO_LONG or not tries_left:
                    raise
                room -= 1 + room // 16
                continue
            excess = len(prompt.token_ids) - most
            if excess <= 0 or policy.kind == "last_turns":
                break
            room -= excess
        if self._listener and chosen.dropped != Dropped():
            self._listener(ContextApplied(policy.kind, len(prompt.token_ids), chosen.dropped))
        return msgspec.structs.replace(prompt, dropped=chosen.dropped)

    def _count_kept(
        self,
        token_ids: list[int],
        messages: Sequence[PromptMessage],
        template: str,
        tools: ToolUse | None,
    ) -> int:
        """How far the prompt is the same whatever is said after the system messages that it begins with."""
        system = list(takewhile(lambda message: message.role == "system", messages))
        other = [*system, PromptMessage(role="user", content="x")]
        other_ids = prepare_prompt(self._tokenizer, other, template, 2 * self._n_ctx, tools).token_ids
        pairs = zip(token_ids, other_ids, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def _measure(self, template: str, encoded_tools: bytes) -> TemplateCost:
        tools = msgspec.json.decode(encoded_tools, type=ToolUse | None)
        word = "x"
        asked = PromptMessage(role="user", content=word)
        answered = PromptMessage(role="assistant", content=word)
        short, long = (
            len(prepare_prompt(self._tokenizer, messages, template, self._n_ctx, tools).token_ids)
            for messages in ([asked], [asked, answered, asked])
        )
        size = self._counter.count(word)
        each = max(0, -(-(long - short) // 2) - size)
        return TemplateCost(each, max(0, short - size - each))
