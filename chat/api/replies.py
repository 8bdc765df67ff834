"""A reply as a stream of events, or waited for."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from django.utils.translation import get_language

from chat.api.sse import encode_frame
from chat.models import Generation
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed, GenerationFinished, MessageUpdate
from chat.realtime.stream import follow_generation
from chat.realtime.wording import error_in_words


def reply_frames(generation_id: UUID, *, after_seq: int = -1) -> AsyncGenerator[bytes, None]:
    """The frames of `live`: a token event per chunk after `after_seq`, then metadata and done, or an error.

    `tokenCount` of a token event counts chunks, which hold one token or a few; metadata has the exact
    number. Where the chunks were deleted already, one `content` event has the whole text. Why a reply failed
    is said in the language of the request.
    """
    return _frames(generation_id, after_seq, get_language())


async def _frames(generation_id: UUID, after_seq: int, language: str | None) -> AsyncGenerator[bytes, None]:
    async with aclosing(follow_generation(generation_id, after_seq=after_seq)) as events:
        async for event in events:
            match event:
                case DeltaEvent(seq=seq, text=text) if text:
                    yield _frame(seq, type="token", content=text, tokenCount=seq + 1)
                case MessageUpdate(message=message):
                    yield _frame(None, type="content", content=message.content)
                case GenerationFinished(finish_reason=reason, last_seq=last, usage=usage):
                    tokens = usage.completion_tokens
                    seq = max(last, after_seq)
                    yield _frame(seq, type="metadata", tokenCount=tokens, finishReason=reason)
                    yield _frame(None, type="done")
                case GenerationFailed(error=error):
                    said = error_in_words(error, language)
                    yield _frame(None, type="error", error=said.message, code=said.code)


async def until_expired(frames: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    """The frames of so many seconds; then one that says that the time to read is over."""
    end = time.monotonic() + seconds
    async with aclosing(frames):
        async for frame in frames:
            if time.monotonic() > end:
                yield _frame(None, type="expired")
                return
            yield frame


async def wait_for_end(generation_id: UUID) -> GenerationFinished | GenerationFailed:
    """How the generation ends."""
    async with aclosing(follow_generation(generation_id, after_seq=2**31 - 1)) as events:
        async for event in events:
            if isinstance(event, GenerationFinished | GenerationFailed):
                return event
    raise RuntimeError("a stream ended without a terminal event")


def reply_headers(generation: Generation) -> dict[str, str]:
    """What a client needs to resume, cancel or find the reply."""
    return {
        "X-Session-Id": str(generation.session_id),
        "X-Message-Id": str(generation.message_id),
        "X-Generation-Id": str(generation.id),
    }


def _frame(seq: int | None, **data: Any) -> bytes:
    return encode_frame(data, seq=seq if seq is not None and seq >= 0 else None)
