"""What an engine is asked to write."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from inference.types.context import ContextShift
from inference.types.prompts import PromptMessage
from inference.types.sampling import SamplingParams
from inference.types.tools import ToolUse

Priority = Literal["interactive", "batch"]
DEFAULT_RESPONSE_MS = 600_000


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier attempts produced: every token sampled, and the text already released to readers.

    Of a remote model only the text is known.
    """

    token_ids: list[int]
    text: str


class Adapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA adapter: a GGUF file on the worker's disk and, as its identity, the file's digest."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)]
    digest: str = ""
    scale: Annotated[float, Meta(ge=0, le=10)] = 1.0


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One sequence for the engine. `request_id` is unique per attempt; `time_limit_ms` runs from arrival.

    Requests of one `cache_key` (a chat session) share a cap on what is retained for them; any string will do.
    Without a `shift` a reply ends where the window does.
    For a remote `model` there are `messages` and `tools` instead of tokens, and perhaps the one `provider` to
    ask. One that is `doubted` was there when an engine or a worker was lost, and has said nothing since. What
    one that `gathers` says comes in few large pieces: nobody reads along.
    """

    request_id: str
    prompt_ids: list[int]
    sampling: SamplingParams
    priority: Priority = "interactive"
    time_limit_ms: int = DEFAULT_RESPONSE_MS
    resume: Resume | None = None
    cache_key: str = ""
    shift: ContextShift | None = None
    adapter: Adapter | None = None
    messages: list[PromptMessage] = []
    tools: ToolUse | None = None
    model: str = ""
    provider: str = ""
    doubted: bool = False
    gathers: bool = False
