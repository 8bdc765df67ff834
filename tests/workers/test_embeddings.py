"""A desk between real Redis and an engine that the test speaks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from chat.embedding_calls import EmbeddingCall
from chat.services.embeddings import EmbeddingRefused, embed_blocking
from chat.services.errors import Unavailable
from inference.types.embeddings import Embeddings
from inference.types.errors import InferenceError
from tests.support.api import offer_model
from tests.support.engine import paced_config
from tests.support.waiting import wait_until
from tests.support.workers import worker_config
from workers.embeddings import EmbeddingDesk
from workers.runtime import WorkerRuntime

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

Open = Callable[..., EmbeddingDesk]


@pytest.fixture
def open_desk() -> Iterator[Open]:
    desks: list[EmbeddingDesk] = []

    def open_desk(embed: Callable[[EmbeddingCall], Embeddings]) -> EmbeddingDesk:
        offer_model()
        desks.append(EmbeddingDesk(models=lambda: ["paced"], embed=embed))
        desks[-1].start()
        return desks[-1]

    yield open_desk
    for desk in desks:
        desk.close(10)
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


def one(call: EmbeddingCall) -> Embeddings:
    return Embeddings(vectors=[b"abcd"] * len(call.inputs), tokens=3)


def test_calls_are_answered(open_desk: Open) -> None:
    open_desk(one)
    result = embed_blocking(model="paced", inputs=["x", [1, 2]])

    assert (result.vectors, result.tokens) == ([b"abcd", b"abcd"], 3)


def test_an_engines_refusal_is_passed_on_and_a_fault_is_not_shown(open_desk: Open) -> None:
    def refuse(call: EmbeddingCall) -> Embeddings:
        if call.inputs == ["long"]:
            raise InferenceError("context_length_exceeded", "Input 0 is too long.")
        raise RuntimeError("secret")

    open_desk(refuse)
    with pytest.raises(EmbeddingRefused, match="Input 0 is too long") as caught:
        embed_blocking(model="paced", inputs=["long"])
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(Unavailable, match="Something went wrong here"):
        embed_blocking(model="paced", inputs=["x"])


def test_what_a_stopping_engine_leaves_another_worker_takes(open_desk: Open) -> None:
    stopped = threading.Event()

    def stop(call: EmbeddingCall) -> Embeddings:
        first.drain()
        stopped.set()
        raise InferenceError("engine_stopped", "Stopping.", retryable=True)

    first = open_desk(stop)
    found: list[Any] = []
    caller = threading.Thread(target=lambda: found.append(embed_blocking(model="paced", inputs=["x"])))
    caller.start()
    assert stopped.wait(30)
    first.close(10)
    open_desk(one)
    caller.join(30)

    assert found[0].vectors == [b"abcd"]


def test_a_call_that_takes_long_stays_with_its_worker(
    open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.embeddings.BUSY_S", 0.03)
    monkeypatch.setattr("chat.services.embeddings.LOOK_S", 0.05)
    client = redis.Redis.from_url(settings.REDIS_URL)
    calls: list[EmbeddingCall] = []

    def wait_for_pulses(call: EmbeddingCall) -> Embeddings:
        calls.append(call)
        for _ in range(3):
            client.delete(f"{call.id}:busy")
            wait_until(lambda: client.exists(f"{call.id}:busy"), what="a pulse")
        return one(call)

    open_desk(wait_for_pulses)
    embed_blocking(model="paced", inputs=["x"])
    assert 1 <= len(calls) <= 2, "looked for at most once in the moment without a pulse"


def test_a_whole_worker_embeds() -> None:
    worker = WorkerRuntime(worker_config("w", paced_config()))
    worker.start()
    try:
        offer_model()
        result = embed_blocking(model="paced", inputs=["a", [97]])
        assert result.vectors[0] == result.vectors[1]
        with pytest.raises(EmbeddingRefused, match="Input 20 has"):
            embed_blocking(model="paced", inputs=["a"] * 20 + ["x" * 5000])
    finally:
        worker.close()
