"""Embeddings: asked of the workers, waited for within bounds, and asked again when a worker is lost.

Nothing is stored: what was not answered can be computed again. `embed` is for event loops, `embed_blocking`
for threads such as a batch job's.
"""

from __future__ import annotations

import asyncio
import math
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import redis.asyncio
from asgiref.sync import async_to_sync
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chat.embedding_calls import (
    EmbeddingAnswer,
    EmbeddingCall,
    count_waiting,
    forget_calls,
    lost_calls,
    make_calls,
    next_answer,
    put_calls,
)
from chat.models import LanguageModel
from chat.realtime.database import in_database
from chat.realtime.redis_clients import REDIS_ERRORS
from chat.selectors.workers import is_known_model, is_offered, why_not_served
from chat.services.errors import InvalidRequest, QueueFull, ServiceError, Unavailable, UnknownModel
from chat.services.text import require_storable
from inference.types.errors import Reason
from inference.types.requests import Priority

MAX_INPUTS = 2048
MAX_CHARS = 2_000_000
SHARD_INPUTS = 16
SHARD_CHARS = 16_000
CHARS_PER_ID = 4
LOOK_S = 1.0
PATIENCE_S = 10.0
"""How long nobody may be there to help, before a request is refused rather than kept waiting."""
MAX_ATTEMPTS = 3
RETRY_AFTER_S = 10

Inputs = Sequence[str | list[int]]


class EmbeddingRefused(ServiceError):  # noqa: N818
    """The model does not take an input; the message says which and why."""

    code = "embedding_refused"


@dataclass(frozen=True, kw_only=True)
class EmbeddingResult:
    """Vectors of length 1 as little-endian float32, in the order of the inputs, and their tokens in all."""

    vectors: list[bytes]
    tokens: int


async def embed(
    *, model: str, inputs: Inputs, dimensions: int | None = None, priority: Priority = "interactive"
) -> EmbeddingResult:
    """The vectors of texts or token ids, cut to `dimensions` where the model is made for that.

    Raises `InvalidRequest`, `UnknownModel`, `EmbeddingRefused` for what the model does not take, `QueueFull`,
    and `Unavailable` when no worker answers within `EMBEDDING_TIMEOUT` seconds, or none is there.
    """
    check_inputs(inputs)
    may_cut = await in_database(_look_up)(model)
    calls = make_calls(model=model, shards=shards_of(inputs), priority=priority)
    waiting = _Waiting(_open_redis(), calls)
    try:
        answers = await waiting.answers()
    finally:
        await waiting.forget()
    vectors = [vector for answer in answers for vector in answer.vectors]
    if dimensions is not None:
        vectors = [cut_vector(vector, dimensions, model=model, may_cut=may_cut) for vector in vectors]
    return EmbeddingResult(vectors=vectors, tokens=sum(answer.tokens for answer in answers))


embed_blocking = async_to_sync(embed)
"""The same for a thread without an event loop."""


def check_inputs(inputs: Inputs) -> None:
    """Raises `InvalidRequest` for what no model takes."""
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise InvalidRequest(
            "input must have 1 to %(most)s texts or lists of tokens.",
            field="input",
            values={"most": MAX_INPUTS},
        )
    for number, each in enumerate(inputs):
        if not each:
            raise InvalidRequest(
                "input[%(number)s] is empty.", field=f"input[{number}]", values={"number": number}
            )
        if isinstance(each, str):
            require_storable(each, field=f"input[{number}]", error=InvalidRequest)
        elif not all(0 <= token_id < 2**31 for token_id in each):
            raise InvalidRequest(
                "input[%(number)s] has a token that no model has.",
                field=f"input[{number}]",
                values={"number": number},
            )
    if sum(map(_size, inputs)) > MAX_CHARS:
        raise InvalidRequest(
            "input is too long: at most %(most)s characters, a token counting as %(each)s.",
            field="input",
            values={"most": MAX_CHARS, "each": CHARS_PER_ID},
        )


def shards_of(inputs: Inputs) -> list[list[str | list[int]]]:
    """The inputs in calls that are soon answered, so that several workers share a long list."""
    shards: list[list[str | list[int]]] = []
    room = 0
    for each in inputs:
        if not shards or len(shards[-1]) >= SHARD_INPUTS or _size(each) > room:
            shards.append([])
            room = SHARD_CHARS
        shards[-1].append(each)
        room -= _size(each)
    return shards


def cut_vector(vector: bytes, dimensions: int, *, model: str, may_cut: bool) -> bytes:
    """The first `dimensions` of a vector, of length 1 again. Raises `InvalidRequest`."""
    size = len(vector) // 4
    if not 1 <= dimensions <= size:
        raise InvalidRequest(
            "dimensions must be from 1 to %(size)s with %(model)s.",
            field="dimensions",
            values={"size": size, "model": model},
        )
    if dimensions == size:
        return vector
    if not may_cut:
        raise InvalidRequest(
            "The vectors of %(model)s lose their meaning when they are cut: leave dimensions out.",
            field="dimensions",
            code="dimensions_unsupported",
            values={"model": model},
        )
    kept = array("f", vector)[:dimensions]
    length = math.sqrt(sum(value * value for value in kept)) or 1.0
    return array("f", (value / length for value in kept)).tobytes()


def _size(each: str | list[int]) -> int:
    return len(each) if isinstance(each, str) else CHARS_PER_ID * len(each)


def may_be_cut(model: str) -> bool:
    """Whether the model's vectors keep their meaning when they are cut."""
    return LanguageModel.objects.filter(slug=model, is_matryoshka=True).exists()


def _look_up(model: str) -> bool:
    """Whether the model's vectors may be cut. Raises `UnknownModel`."""
    row = LanguageModel.objects.filter(slug=model, is_active=True).first()
    if row is None and not is_known_model(model):
        raise UnknownModel(
            "There is no model named '%(model)s': choose another one.",
            field="model",
            values={"model": model[:100]},
        )
    if row is not None and row.is_remote:
        raise InvalidRequest(
            "%(model)s is served by providers, which are not asked for embeddings: choose another model.",
            field="model",
            code="embeddings_unsupported",
            values={"model": model},
        )
    if reason := why_not_served(model):
        raise Unavailable(
            "No worker can load this model: %(reason)s",
            retry_after=RETRY_AFTER_S,
            values={"reason": reason},
        )
    return row is not None and row.is_matryoshka


def _open_redis() -> redis.asyncio.Redis:
    """A connection of its own: waiting keeps it busy, and a thread's event loop ends with the request."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=LOOK_S + 2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )


@dataclass(eq=False)
class _Waiting:
    """One request's calls until all are answered."""

    client: redis.asyncio.Redis
    calls: list[EmbeddingCall]
    attempts: int = 0
    found: dict[int, EmbeddingAnswer] = field(default_factory=dict)
    helped_at: float = field(default_factory=time.monotonic)

    @property
    def open_calls(self) -> list[EmbeddingCall]:
        """Those without an answer."""
        return [call for call in self.calls if call.number not in self.found]

    async def answers(self) -> list[EmbeddingAnswer]:
        """One for each call, in order. Raises `EmbeddingRefused`, `QueueFull` or `Unavailable`."""
        deadline = time.monotonic() + settings.EMBEDDING_TIMEOUT
        await self._check_room()
        while self.open_calls:
            if time.monotonic() > deadline:
                raise Unavailable(
                    "The embeddings were not ready within %(seconds)s s: try again.",
                    retry_after=RETRY_AFTER_S,
                    values={"seconds": str(settings.EMBEDDING_TIMEOUT)},
                )
            await self._look()
        return [self.found[call.number] for call in self.calls]

    async def forget(self) -> None:
        """Leave nothing behind for workers to compute."""
        with suppress(*REDIS_ERRORS):  # it forgets by itself, too
            await forget_calls(self.client, self.open_calls)
        await self.client.aclose()

    async def _check_room(self) -> None:
        call = self.calls[0]
        try:
            waiting = await count_waiting(self.client, call.model, call.priority)
        except REDIS_ERRORS:
            return
        if waiting + len(self.calls) > settings.MAX_QUEUED and waiting:
            raise QueueFull(
                "Too many embeddings are waiting: try again in %(seconds)s s.",
                retry_after=RETRY_AFTER_S,
                values={"seconds": RETRY_AFTER_S},
            )

    async def _look(self) -> None:
        """Take an answer, or after a second without one see to it that somebody will give it."""
        try:
            answer = await next_answer(self.client, self.calls[0], LOOK_S) if self.attempts else None
            if answer is None:
                await self._care()
            else:
                self._accept(answer)
        except REDIS_ERRORS:
            await asyncio.sleep(LOOK_S)
            self._despair_after(PATIENCE_S, Reason("Redis does not answer: try again later.", {}))

    async def _care(self) -> None:
        if lost := await lost_calls(self.client, self.open_calls):
            self.attempts += 1
            if self.attempts > MAX_ATTEMPTS:
                message = "The embeddings could not be computed: workers stopped several times. Try again."
                raise Unavailable(message, retry_after=RETRY_AFTER_S)
            await put_calls(self.client, lost)
        model = self.calls[0].model
        if await in_database(is_offered)(model):
            self.helped_at = time.monotonic()
        why = Reason("No worker that can load %(model)s is running: try again later.", {"model": model})
        self._despair_after(PATIENCE_S, why)

    def _accept(self, answer: EmbeddingAnswer) -> None:
        if not answer.code:
            self.found[answer.number] = answer
            self.helped_at = time.monotonic()
        elif answer.retryable:
            raise Unavailable(answer.message, retry_after=RETRY_AFTER_S)
        else:
            raise EmbeddingRefused(answer.message, field="input", code=answer.code)

    def _despair_after(self, seconds: float, why: Reason) -> None:
        if time.monotonic() - self.helped_at > seconds:
            raise Unavailable(why.sentence, retry_after=RETRY_AFTER_S, values=why.values)
