"""What an engine says of a request: it started, tokens, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from inference.types.errors import InferenceError, Reason

FinishReason = Literal["stop", "length", "cancelled", "timeout", "content_filter"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one reply, all attempts together. `cached_tokens` are prompt tokens not computed;
    `discarded_tokens` were taken out of a full window by context shifts.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    discarded_tokens: int = 0


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds inside the engine for this attempt: waiting for a slot, prompt, and tokens."""

    wait_ms: float
    prefill_ms: float
    decode_ms: float


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The sequence has a slot; `cached_tokens` of its prompt were already in the KV cache."""

    request_id: str
    prompt_tokens: int
    cached_tokens: int


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A token that could have been next: its bytes, and the natural logarithm of its probability."""

    token_id: int
    piece: bytes
    logprob: float


class TokenLogprobs(msgspec.Struct, frozen=True, kw_only=True):
    """The token that was chosen, and the likeliest ones, best first."""

    chosen: Candidate
    top: list[Candidate]


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag="delta"):
    """Newly sampled token ids and the text they release (empty while a character or stop string is open).

    `logprobs` has one entry for each id when they were asked for, else none. Without any ids it is a sign of
    life: a reply that is held back has begun.
    """

    request_id: str
    token_ids: list[int]
    text: str
    logprobs: list[TokenLogprobs] = []


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    """Terminal. `text` is what was held back and is now released.

    Of a remote model: which `provider` answered, and the names of the options it does not take.
    """

    request_id: str
    finish_reason: FinishReason
    usage: Usage
    timings: Timings
    text: str = ""
    provider: str = ""
    ignored: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Terminal. `code` is stable, `message` is a sentence for the user, `reason` where it tells of values."""

    request_id: str
    code: str
    message: str
    reason: Reason | None = None
    retryable: bool = False

    @classmethod
    def of(cls, request_id: str, error: InferenceError) -> Failed:
        """The end of a request by an error."""
        return cls(
            request_id=request_id,
            code=error.code,
            message=error.message,
            reason=error.reason,
            retryable=error.retryable,
        )


EngineEvent = Started | Delta | Finished | Failed
Emit = Callable[[EngineEvent], None]
