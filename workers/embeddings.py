"""Takes calls for embeddings from Redis, and answers them with what the engine says."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import redis
from django.conf import settings

from chat.embedding_calls import (
    BUSY_S,
    EmbeddingAnswer,
    EmbeddingCall,
    answer_call,
    keep_call,
    return_call,
    take_call,
)
from chat.realtime.redis_clients import REDIS_ERRORS
from inference.types.embeddings import Embeddings
from inference.types.errors import STOPPED, InferenceError

logger = logging.getLogger(__name__)

THREADS = 2
"""Calls at once: while one is being sent, the other is computed."""
TAKE_S = 1.0
RETRY_S = 1.0
BROKEN = InferenceError("internal_error", "Something went wrong here. Please try again.", retryable=True)


class EmbeddingDesk:
    """Answers calls for the models that `models` names, on threads of its own, until it is closed.

    `embed` computes a call or raises `InferenceError`. What it stops doing is returned to the queue.
    """

    def __init__(
        self, *, models: Callable[[], Sequence[str]], embed: Callable[[EmbeddingCall], Embeddings]
    ) -> None:
        self._models = models
        self._embed = embed
        self._closed = threading.Event()
        self._taking = threading.Lock()
        self._current: dict[str, EmbeddingCall] = {}
        names = [*(f"embeddings-{number}" for number in range(THREADS)), "embeddings-pulse"]
        targets = [*[self._loop] * THREADS, self._pulse]
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in zip(targets, names, strict=True)
        ]

    def start(self) -> None:
        """Begin to take calls."""
        for thread in self._threads:
            thread.start()

    def drain(self) -> None:
        """Take nothing more."""
        self._closed.set()

    def close(self, timeout_s: float) -> None:
        """Take nothing more and wait for what is being computed; engines that have stopped end it at once."""
        self.drain()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_s)

    def _loop(self) -> None:
        client = _open_redis()
        while not self._closed.is_set():
            try:
                call = self._take(client)
                if call is not None:
                    self._answer(client, call)
            except REDIS_ERRORS:
                self._closed.wait(RETRY_S)  # whoever asks puts again what is lost
            except Exception:
                logger.exception("a call for embeddings could not be answered")
        client.close()

    def _take(self, client: redis.Redis) -> EmbeddingCall | None:
        """One waits in Redis, the others wait for that one."""
        with self._taking:
            models = self._models()
            if models and not self._closed.is_set():
                return take_call(client, models, TAKE_S)
            self._closed.wait(TAKE_S)
            return None

    def _answer(self, client: redis.Redis, call: EmbeddingCall) -> None:
        self._current[call.id] = call
        try:
            answer = self._compute(call)
        finally:
            del self._current[call.id]
        if answer is None:
            return_call(client, call)
        else:
            answer_call(client, call, answer)

    def _compute(self, call: EmbeddingCall) -> EmbeddingAnswer | None:
        """The answer; None when somebody else had better give it."""
        try:
            found = self._embed(call)
        except InferenceError as error:
            return None if error.code == STOPPED else _refusal(call, error)
        except Exception:
            logger.exception("embeddings %s failed", call.id)
            return _refusal(call, BROKEN)
        return EmbeddingAnswer(number=call.number, vectors=found.vectors, tokens=found.tokens)

    def _pulse(self) -> None:
        """Say of every call that it is still being computed."""
        client = _open_redis()
        while not self._closed.wait(BUSY_S / 3):
            try:
                for call in list(self._current.values()):
                    keep_call(client, call)
            except REDIS_ERRORS as error:
                logger.warning("Redis does not hear of the embeddings that are computed: %s", error)
        client.close()


def _refusal(call: EmbeddingCall, error: InferenceError) -> EmbeddingAnswer:
    return EmbeddingAnswer(
        number=call.number, code=error.code, message=error.message, retryable=error.retryable
    )


def _open_redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TAKE_S + 2, socket_connect_timeout=2)
