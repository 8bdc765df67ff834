"""A generation in OpenAI's words: whole, or as chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from chat.api.openai.errors import failure
from chat.api.sse import encode_frame
from chat.models import Generation
from chat.realtime.protocol import (
    DeltaEvent,
    GenerationFailed,
    GenerationFinished,
    GenerationMetrics,
    MessageUpdate,
    UsageView,
)
from chat.realtime.stream import follow_generation

DONE = b"data: [DONE]\n\n"
FINISH_REASONS = {"timeout": "length", "cancelled": "stop"}


@dataclass(frozen=True)
class Shape:
    """How one endpoint names things."""

    prefix: str
    whole: str
    chunk: str
    is_chat: bool

    def envelope(self, row: Generation, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """What every object has."""
        return {
            "id": f"{self.prefix}-{row.id.hex}",
            "object": kind,
            "created": int(row.created_at.timestamp()),
            "model": row.model,
            "choices": choices,
        }

    def piece(self, text: str | None, *, is_first: bool, reason: str | None) -> dict[str, Any]:
        """A chunk's choice."""
        common = {"index": 0, "logprobs": None, "finish_reason": reason}
        if not self.is_chat:
            return common | {"text": text or ""}
        delta: dict[str, Any] = {"role": "assistant"} if is_first else {}
        if text is not None:
            delta["content"] = text
        return common | {"delta": delta}

    def full(self, text: str, reason: str) -> dict[str, Any]:
        """A whole reply's choice."""
        common = {"index": 0, "logprobs": None, "finish_reason": reason}
        if self.is_chat:
            return common | {"message": {"role": "assistant", "content": text, "refusal": None}}
        return common | {"text": text}


CHAT = Shape("chatcmpl", "chat.completion", "chat.completion.chunk", is_chat=True)
TEXT = Shape("cmpl", "text_completion", "text_completion", is_chat=False)


async def reply_chunks(row: Generation, shape: Shape, *, include_usage: bool) -> AsyncGenerator[bytes, None]:
    """The SSE frames. A failure is an `error` event, never just an end."""

    def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
        usage = {"usage": None} if include_usage else {}
        return encode_frame(shape.envelope(row, shape.chunk, choices) | usage | more)

    if shape.is_chat:
        yield chunk([shape.piece("", is_first=True, reason=None)])
    async with aclosing(follow_generation(row.id)) as events:
        async for event in events:
            match event:
                case DeltaEvent(text=text) if text:
                    yield chunk([shape.piece(text, is_first=False, reason=None)])
                case MessageUpdate(message=message):
                    yield chunk([shape.piece(message.content, is_first=False, reason=None)])
                case GenerationFinished():
                    reason = finish_reason(event.finish_reason)
                    last = [shape.piece(None, is_first=False, reason=reason)]
                    yield chunk(last, timings=timings_of(event.usage, event.metrics))
                    if include_usage:
                        yield chunk([], usage=usage_of(event.usage))
                    yield DONE
                case GenerationFailed(error=error):
                    yield encode_frame({"error": failure(error)[1]}, event="error")


def whole_reply(row: Generation, shape: Shape, text: str, end: GenerationFinished) -> dict[str, Any]:
    """The body of a reply that was waited for."""
    choice = shape.full(text, finish_reason(end.finish_reason))
    return shape.envelope(row, shape.whole, [choice]) | {
        "usage": usage_of(end.usage),
        "timings": timings_of(end.usage, end.metrics),
    }


def finish_reason(reason: str) -> str:
    """One that clients know."""
    return FINISH_REASONS.get(reason, reason)


def usage_of(usage: UsageView) -> dict[str, Any]:
    """Tokens."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def timings_of(usage: UsageView, metrics: GenerationMetrics) -> dict[str, Any]:
    """As llama-server has them, as far as they are known. Waiting in the queue is in none of them."""
    first = metrics.ttft_ms if metrics.ttft_ms is not None else metrics.response_time_ms
    computed = usage.prompt_tokens - usage.cached_tokens
    prompt_ms = max(0, first - metrics.queue_ms)
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": computed,
        "prompt_ms": prompt_ms,
        "prompt_per_second": round(computed * 1000 / prompt_ms, 2) if prompt_ms else None,
        "predicted_n": usage.completion_tokens,
        "predicted_ms": max(0, metrics.response_time_ms - first),
        "predicted_per_second": metrics.tokens_per_second,
    }
