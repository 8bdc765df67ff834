"""What is asked of workers, how it is divided, and what is made of their answers."""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from chat.embedding_calls import EmbeddingAnswer, EmbeddingCall, answer_call, return_call, take_call
from chat.models import LanguageModel
from chat.services import embeddings as service
from chat.services.embeddings import (
    SHARD_CHARS,
    SHARD_INPUTS,
    EmbeddingRefused,
    check_inputs,
    cut_vector,
    embed,
    embed_blocking,
    shards_of,
)
from chat.services.errors import InvalidRequest, QueueFull, ServiceError, Unavailable, UnknownModel
from tests.support.api import offer_model

INPUTS = st.lists(st.one_of(st.text(max_size=9000), st.lists(st.integers(0, 9), max_size=2000)), min_size=1)


@given(INPUTS)
def test_shards_are_the_inputs_in_order_and_soon_answered(inputs: list[Any]) -> None:
    shards = shards_of(inputs)

    assert [each for shard in shards for each in shard] == inputs
    for shard in shards:
        assert 1 <= len(shard) <= SHARD_INPUTS
        assert len(shard) == 1 or sum(map(service._size, shard)) <= SHARD_CHARS


@pytest.mark.parametrize(
    ("inputs", "field", "words"),
    [
        ([], "input", "1 to 2048"),
        (["x"] * 2049, "input", "1 to 2048"),
        (["x", ""], "input[1]", "is empty"),
        ([[]], "input[0]", "is empty"),
        (["a\0"], "input[0]", "U+0000"),
        ([[1, -1]], "input[0]", "no model has"),
        (["x" * 1_000_001] * 2, "input", "at most 2000000 characters"),
    ],
)
def test_what_no_model_takes_is_refused(inputs: list[Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_inputs(inputs)
    assert caught.value.field == field
    assert words in caught.value.message


def test_a_cut_vector_has_length_1_again() -> None:
    vector = array("f", [0.6, 0.0, 0.8]).tobytes()

    assert array("f", cut_vector(vector, 2, model="m", may_cut=True)).tolist() == [1.0, 0.0]
    assert cut_vector(vector, 3, model="m", may_cut=False) == vector
    with pytest.raises(InvalidRequest, match="vectors of m lose their meaning"):
        cut_vector(vector, 2, model="m", may_cut=False)
    for dimensions in (0, 4):
        with pytest.raises(InvalidRequest, match="from 1 to 3 with m"):
            cut_vector(vector, dimensions, model="m", may_cut=True)


class Worker:
    """Takes calls on a thread, and does with each what the test says."""

    def __init__(self, obey: Callable[[redis.Redis, EmbeddingCall], None]) -> None:
        self.calls: list[EmbeddingCall] = []
        self._obey = obey
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL)
        while not self._stop.is_set():
            if call := take_call(client, ["paced"], 0.2):
                self.calls.append(call)
                self._obey(client, call)


@pytest.fixture
def start() -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def start(obey: Callable[[redis.Redis, EmbeddingCall], None]) -> Worker:
        workers.append(Worker(obey))
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


@pytest.fixture(autouse=True)
def _same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "in_database", sync_to_async)


def vectors(call: EmbeddingCall) -> list[bytes]:
    return [array("f", [float(call.first + number)]).tobytes() for number in range(len(call.inputs))]


def answer(client: redis.Redis, call: EmbeddingCall) -> None:
    tokens = len(call.inputs)
    answer_call(client, call, EmbeddingAnswer(number=call.number, vectors=vectors(call), tokens=tokens))


@pytest.mark.services
@pytest.mark.django_db
class TestWithWorkers:
    @pytest.fixture(autouse=True)
    def _offer(self) -> None:
        offer_model()

    def test_a_long_list_comes_back_whole_and_in_order(self, start: Callable[..., Worker]) -> None:
        worker = start(answer)
        result = embed_blocking(model="paced", inputs=["x"] * 40)

        assert [array("f", vector)[0] for vector in result.vectors] == list(range(40))
        assert result.tokens == 40
        assert sorted(len(call.inputs) for call in worker.calls) == [8, 16, 16]
        assert not redis.Redis.from_url(settings.REDIS_URL).keys("embeddings:*"), "nothing is left"

    def test_vectors_that_are_made_for_it_are_cut(self, start: Callable[..., Worker]) -> None:
        made: dict[str, Any] = {"slug": "paced", "name": "p", "size_bytes": 1, "context_length": 64}
        LanguageModel.objects.create(**made, is_matryoshka=True)
        whole = array("f", [0.6, 0.0, 0.8]).tobytes()
        start(lambda client, call: answer_call(client, call, EmbeddingAnswer(number=0, vectors=[whole])))
        (vector,) = embed_blocking(model="paced", inputs=["x"], dimensions=2).vectors
        assert array("f", vector).tolist() == [1.0, 0.0]

    def test_a_lost_worker_is_replaced(
        self, start: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chat.embedding_calls.BUSY_S", 1)
        monkeypatch.setattr(service, "LOOK_S", 0.1)
        lost: list[EmbeddingCall] = []

        def die_once(client: redis.Redis, call: EmbeddingCall) -> None:
            lost.append(call)
            if len(lost) > 1:
                answer(client, call)

        start(die_once)
        assert len(embed_blocking(model="paced", inputs=["x"]).vectors) == 1
        assert len(lost) == 2

    def test_a_returned_call_is_taken_again(self, start: Callable[..., Worker]) -> None:
        returned: list[EmbeddingCall] = []

        def return_once(client: redis.Redis, call: EmbeddingCall) -> None:
            (answer if returned else return_call)(client, call)
            returned.append(call)

        worker = start(return_once)
        assert len(embed_blocking(model="paced", inputs=["x"], priority="batch").vectors) == 1
        worker.stop()
        client = redis.Redis.from_url(settings.REDIS_URL)
        return_call(client, returned[0])
        assert not client.exists("embeddings:batch:paced"), "nobody wants it any more"

    def test_all_of_redis_may_be_lost(
        self, start: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "LOOK_S", 0.1)
        flushed: list[EmbeddingCall] = []

        def flush_once(client: redis.Redis, call: EmbeddingCall) -> None:
            if flushed:
                answer(client, call)
            else:
                client.flushall()
            flushed.append(call)

        start(flush_once)
        assert len(embed_blocking(model="paced", inputs=["x"] * 40).vectors) == 40

    @pytest.mark.parametrize(("retryable", "kind"), [(False, EmbeddingRefused), (True, Unavailable)])
    def test_the_workers_sentence_reaches_the_user(
        self, start: Callable[..., Worker], retryable: bool, kind: type[ServiceError]
    ) -> None:
        def refuse(client: redis.Redis, call: EmbeddingCall) -> None:
            told = EmbeddingAnswer(number=call.number, code="c", message="Too long.", retryable=retryable)
            answer_call(client, call, told)

        start(refuse)
        with pytest.raises(kind, match="Too long"):
            embed_blocking(model="paced", inputs=["x"])

    def test_nobody_waits_longer_than_the_limit(
        self, start: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        monkeypatch.setattr(service, "LOOK_S", 0.1)
        settings.EMBEDDING_TIMEOUT = 0
        with pytest.raises(Unavailable, match="not ready within 0 s"):
            embed_blocking(model="paced", inputs=["x"])

    def test_workers_that_stop_again_and_again_end_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "LOOK_S", 0.05)

        async def lose(client: object, calls: list[EmbeddingCall]) -> list[EmbeddingCall]:
            return calls

        monkeypatch.setattr(service, "lost_calls", lose)
        with pytest.raises(Unavailable, match="stopped several times"):
            embed_blocking(model="paced", inputs=["x"])

    def test_a_full_queue_is_told_at_once(self, settings: Any) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL)
        client.rpush("embeddings:interactive:paced", *range(settings.MAX_QUEUED))
        try:
            with pytest.raises(QueueFull, match="Too many embeddings are waiting"):
                embed_blocking(model="paced", inputs=["x"])
        finally:
            client.flushdb()

    async def test_who_leaves_leaves_nothing_behind(
        self, start: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def yes(model: str) -> bool:
            return True

        monkeypatch.setattr(service, "in_database", lambda function: yes)
        asking = asyncio.ensure_future(embed(model="paced", inputs=["x"]))
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        while not await client.keys("*:call"):
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not await client.keys("*:call")
        assert not await client.exists("embeddings:interactive:paced"), "it counts as waiting no more"
        await client.aclose()
        worker = start(answer)
        await asyncio.to_thread(worker.stop)
        assert not worker.calls


@pytest.mark.django_db
def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel, match="'nope'"):
        embed_blocking(model="nope", inputs=["x"])


@pytest.mark.django_db
def test_a_remote_model_makes_no_embeddings_and_nobody_waits_for_it() -> None:
    LanguageModel.objects.create(slug="far", name="far", is_remote=True, size_bytes=0, context_length=1)
    with pytest.raises(InvalidRequest) as refused:
        embed_blocking(model="far", inputs=["Hello"])
    assert (refused.value.field, refused.value.code) == ("model", "embeddings_unsupported")


@pytest.mark.services
@pytest.mark.django_db
def test_without_a_worker_nobody_is_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PATIENCE_S", 0.0)
    LanguageModel.objects.create(slug="tiny", name="t", size_bytes=1, context_length=64)
    with pytest.raises(Unavailable, match="No worker that can load tiny is running"):
        embed_blocking(model="tiny", inputs=["x"])
    assert not redis.Redis.from_url(settings.REDIS_URL).keys("embeddings:*:tiny"), "nor counted as waiting"


@pytest.mark.django_db
def test_without_redis_it_says_so(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_model()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(service, "PATIENCE_S", 0.0)
    monkeypatch.setattr(service, "LOOK_S", 0.01)
    with pytest.raises(Unavailable, match="Redis does not answer"):
        embed_blocking(model="paced", inputs=["x"])
