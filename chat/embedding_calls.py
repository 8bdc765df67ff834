"""Calls for embeddings in Redis: whoever asks puts them there, workers take them, and nothing of it lasts.

A call is a key with what is to be computed, and its id in its model's queue. While a worker computes it a
second key says so, and runs out when the worker dies; then, or when Redis has forgotten everything, whoever
asked puts the call again. Answers go to a list of the one who asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec
import redis
import redis.asyncio

from inference.types.requests import Priority

CALL_S = 300
"""How long a call, or an answer that nobody fetches, stays in Redis."""
BUSY_S = 5
"""How long a worker is believed to compute a call without saying so again."""


class EmbeddingCall(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the inputs of a request, from number `first` on: texts or token ids."""

    id: str
    number: int
    first: int
    model: str
    inputs: list[str | list[int]]
    answer_to: str
    priority: Priority = "interactive"


class EmbeddingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call: `vectors` of length 1 as little-endian float32, or a `code` and a sentence."""

    number: int
    vectors: list[bytes] = []
    tokens: int = 0
    code: str = ""
    message: str = ""
    retryable: bool = False


def make_calls(
    *, model: str, shards: Sequence[Sequence[str | list[int]]], priority: Priority
) -> list[EmbeddingCall]:
    """The calls of one request, numbered from 0."""
    answer_to = f"embeddings:answers:{uuid.uuid4().hex}"
    starts = accumulate(map(len, shards), initial=0)
    return [
        EmbeddingCall(
            id=f"{answer_to}:{number}",
            number=number,
            first=first,
            model=model,
            inputs=list(inputs),
            answer_to=answer_to,
            priority=priority,
        )
        for number, (first, inputs) in enumerate(zip(starts, shards, strict=False))
    ]


def queue_key(model: str, priority: Priority) -> str:
    """The queue of a model's calls."""
    return f"embeddings:{priority}:{model}"


# ---- whoever asks


async def put_calls(client: redis.asyncio.Redis, calls: Sequence[EmbeddingCall]) -> None:
    """Queue calls, again where they have been lost."""
    pipe = client.pipeline()
    for call in calls:
        pipe.set(_call_key(call.id), _encode(call), ex=CALL_S)
        pipe.rpush(queue_key(call.model, call.priority), call.id)
    await pipe.execute()


async def lost_calls(client: redis.asyncio.Redis, calls: Sequence[EmbeddingCall]) -> list[EmbeddingCall]:
    """Those that nobody computes and that are in no queue; none while there is an answer to fetch."""
    pipe = client.pipeline()
    for call in calls:
        pipe.exists(_busy_key(call.id))
        pipe.lpos(queue_key(call.model, call.priority), call.id)
    pipe.exists(calls[0].answer_to)
    *found, answered = await pipe.execute()
    pairs = zip(calls, found[::2], found[1::2], strict=True)
    return [call for call, busy, place in pairs if not (answered or busy) and place is None]


async def next_answer(
    client: redis.asyncio.Redis, call: EmbeddingCall, timeout_s: float
) -> EmbeddingAnswer | None:
    """The next answer to any call of this one's request; None after the timeout."""
    popped: Any = await client.blpop([call.answer_to], timeout=timeout_s)
    return _answers.decode(popped[1]) if popped else None


async def forget_calls(client: redis.asyncio.Redis, calls: Sequence[EmbeddingCall]) -> None:
    """Nobody waits any more: what no worker has taken will not be computed, nor counted as waiting."""
    if not calls:
        return
    pipe = client.pipeline()
    pipe.delete(*(_call_key(call.id) for call in calls), calls[0].answer_to)
    for call in calls:
        pipe.lrem(queue_key(call.model, call.priority), 0, call.id)
    await pipe.execute()


async def count_waiting(client: redis.asyncio.Redis, model: str, priority: Priority) -> int:
    """How many calls wait for a worker."""
    return int(await client.llen(queue_key(model, priority)))


# ---- workers


def take_call(client: redis.Redis, models: Sequence[str], timeout_s: float) -> EmbeddingCall | None:
    """The next call for one of the models, interactive ones first, now this worker's; None after the timeout.

    What is computed elsewhere already, or not wanted any more, is passed over.
    """
    keys = [queue_key(model, priority) for priority in ("interactive", "batch") for model in models]
    popped: Any = client.blpop(keys, timeout=timeout_s)
    if not popped:
        return None
    payload: Any = client.get(_call_key(popped[1].decode()))
    call = _calls.decode(payload) if payload else None
    if call is None or not client.set(_busy_key(call.id), 1, nx=True, ex=BUSY_S):
        return None
    return call


def keep_call(client: redis.Redis, call: EmbeddingCall) -> None:
    """Say that the call is still being computed."""
    client.set(_busy_key(call.id), 1, ex=BUSY_S)


def answer_call(client: redis.Redis, call: EmbeddingCall, answer: EmbeddingAnswer) -> None:
    """Tell whoever asked."""
    pipe = client.pipeline()
    pipe.rpush(call.answer_to, _encode(answer))
    pipe.expire(call.answer_to, CALL_S)
    pipe.delete(_call_key(call.id), _busy_key(call.id))
    pipe.execute()


def return_call(client: redis.Redis, call: EmbeddingCall) -> None:
    """Let another worker compute it, before everything else that waits, if anybody still wants it."""
    client.delete(_busy_key(call.id))
    if client.exists(_call_key(call.id)):
        client.lpush(queue_key(call.model, call.priority), call.id)


def _call_key(call_id: str) -> str:
    return f"{call_id}:call"


def _busy_key(call_id: str) -> str:
    return f"{call_id}:busy"


_encode = msgspec.msgpack.encode
_calls = msgspec.msgpack.Decoder(EmbeddingCall)
_answers = msgspec.msgpack.Decoder(EmbeddingAnswer)
