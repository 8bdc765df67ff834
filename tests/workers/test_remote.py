"""Generations of remote models, from their claim to their end, by whole workers and over real connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from chat.models import ChatMessage, Generation, GenerationStatus, ProviderModel, WorkerNode, WorkerStatus
from chat.selectors.tool_calls import replies_with_calls
from chat.services.generations import claim_streams, request_cancel
from chat.services.providers import add_provider, change_provider
from inference.remote import answering
from tests.support.factories import make_generation
from tests.support.provider import HEAD, WORDS, Call, StubProvider, says_then, silence, start_provider, status
from tests.support.waiting import wait_until
from workers.remote import RemoteRuntime

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Start = Callable[..., RemoteRuntime]
Provide = Callable[..., StubProvider]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "BACK_OFF", lambda state: 0.0)
    monkeypatch.setattr("workers.remote.LOOK_S", 0.05)
    monkeypatch.setattr("workers.claimer.POLL_S", 0.05)


@pytest.fixture
def start_worker() -> Iterator[Start]:
    workers: list[RemoteRuntime] = []

    def start(name: str = "w-remote", streams: int = 8) -> RemoteRuntime:
        workers.append(RemoteRuntime(name=name, streams=streams))
        workers[-1].start()
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def provide() -> Iterator[Provide]:
    with ExitStack() as running:

        def provide(slug: str = "first", **fields: Any) -> StubProvider:
            stub = running.enter_context(start_provider())
            add_provider(slug=slug, base_url=stub.url, models={"their/big": "big"}, **fields)
            return stub

        yield provide


def make_turn(**fields: Any) -> Generation:
    return make_generation(**{"content": "hello", "model": "big", "options": {"max_tokens": 20}} | fields)


def ended(generation: Generation) -> Generation:
    def refreshed() -> bool:
        generation.refresh_from_db()
        return not generation.is_active

    wait_until(refreshed, timeout=30, what=f"the end of {generation}")
    generation.message.refresh_from_db()
    return generation


def said(generation: Generation) -> str:
    return "".join(generation.chunks.order_by("seq").values_list("text", flat=True))


@contextmanager
def frozen(worker: RemoteRuntime, generation: Generation, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Meanwhile the worker writes nothing, and its lease is over."""
    worker._claimer.close()
    with monkeypatch.context() as patch:
        patch.setattr(worker._flusher, "tick", lambda: None)
        Generation.objects.filter(id=generation.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        yield


def test_a_reply_is_stored_with_who_wrote_it_and_what_it_took(start_worker: Start, provide: Provide) -> None:
    stub = provide(api_key="sk-secret", accepts={})
    turn = make_turn(options={"max_tokens": 20, "min_p": 0.5})
    start_worker()

    assert ended(turn).status == GenerationStatus.SUCCEEDED
    assert turn.message.content == "".join(WORDS[:20])
    assert (turn.finish_reason, turn.prompt_tokens, turn.completion_tokens) == ("length", 11, 20)
    assert (turn.message.llm_provider, turn.message.tokens_used) == ("first", 20)
    assert turn.message.metadata == {"ignored_options": ["min_p"]}
    assert turn.prompt_messages is None
    assert stub.last.headers["authorization"] == "Bearer sk-secret"
    wait_until(lambda: ProviderModel.objects.get().calls == 1, what="the note")
    assert ProviderModel.objects.get().error_rate == 0


def test_calls_of_functions_are_read_from_a_remote_reply_as_from_our_own(
    start_worker: Start, provide: Provide
) -> None:
    async def calls(call: Call) -> None:
        await call.send(HEAD)
        function = {"name": "add", "arguments": '{"a": 1}'}
        await call.frame(choices=[{"delta": {"tool_calls": [{"index": 0, "function": function}]}}])
        await call.finish("tool_calls")

    stub = provide()
    stub.scripts.append(calls)
    turn = make_turn(options={"max_tokens": 20, "tools": {"functions": [{"name": "add"}]}})
    start_worker()

    assert ended(turn).status == GenerationStatus.SUCCEEDED
    assert stub.last.body["tool_choice"] == "auto"
    reply = replies_with_calls([turn.message_id])[turn.message_id]
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("add", '{"a": 1}')]


def test_many_streams_need_no_threads(start_worker: Start, provide: Provide) -> None:
    stub = provide()
    stub.scripts.extend([says_then("one ", then=silence)] * 6)
    turns = [make_turn() for _ in range(6)]
    worker = start_worker(streams=5)
    wait_until(lambda: len(stub.calls) == 5, what="five calls")
    assert Generation.objects.filter(status=GenerationStatus.QUEUED).count() == 1
    for turn in turns:
        request_cancel(generation_id=turn.id)
    for turn in turns:
        assert ended(turn).status == GenerationStatus.CANCELLED
    assert all(call.gone.wait(10) for call in stub.calls)
    assert worker._flusher.busy == 0


def test_a_worker_registers_when_there_is_something_to_serve(start_worker: Start, provide: Provide) -> None:
    start_worker()
    assert not WorkerNode.objects.exists()
    provide()
    node = wait_until(lambda: WorkerNode.objects.filter(status=WorkerStatus.READY).first(), what="the row")
    assert (node.name, node.device, node.slots, node.offered_models) == ("w-remote", "remote", 8, ["big"])
    assert ended(make_turn()).status == GenerationStatus.SUCCEEDED


def test_providers_are_switched_while_it_runs(start_worker: Start, provide: Provide) -> None:
    first, second = provide("first", priority=1), provide("second", priority=2)
    start_worker()
    assert ended(make_turn()).message.llm_provider == "first"
    change_provider(slug="first", is_enabled=False)
    assert ended(make_turn()).message.llm_provider == "second"
    change_provider(slug="first", is_enabled=True, priority=9)
    assert ended(make_turn()).message.llm_provider == "second"
    assert ended(make_turn(provider="first")).message.llm_provider == "first"
    assert (len(first.calls), len(second.calls)) == (2, 2)


def test_a_failing_provider_is_left_alone_by_everybody(start_worker: Start, provide: Provide) -> None:
    first, _ = provide("first", priority=1), provide("second", priority=2)
    first.scripts.extend([status(500)] * 10)
    start_worker("a")
    start_worker("b")
    for _ in range(5):
        turn = ended(make_turn())
        assert turn.message.llm_provider == "second"
        wait_until(
            lambda: ProviderModel.objects.filter(provider__slug="first", calls__gt=0).exists(), what=""
        )
    assert len(first.calls) == 3
    change_provider(slug="first", priority=1)  # forgives
    first.scripts.clear()
    assert ended(make_turn()).message.llm_provider == "first"


def test_a_lost_workers_reply_is_continued_where_that_is_declared(
    start_worker: Start, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = provide(continuation="assistant")
    stub.scripts.append(says_then(*WORDS[:5], then=silence))
    turn = make_turn()
    lost = start_worker("lost")
    wait_until(lambda: said(turn) == "".join(WORDS[:5]), what="five words")
    ChatMessage.objects.filter(replies=turn.message).update(content="edited meanwhile")
    with frozen(lost, turn, monkeypatch):
        start_worker("other")
        ended(turn)

    assert ended(turn).message.content == "".join(WORDS[:20])[: len(turn.message.content)]
    assert (turn.status, turn.worker) == (GenerationStatus.SUCCEEDED, "other")
    assert [message["content"] for message in stub.last.body["messages"]] == ["hello", "".join(WORDS[:5])]


def test_without_continuation_it_fails_as_retryable_with_the_text_kept(
    start_worker: Start, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide().scripts.append(says_then(*WORDS[:5], then=silence))
    turn = make_turn()
    lost = start_worker("lost")
    wait_until(lambda: said(turn) == "".join(WORDS[:5]), what="five words")
    with frozen(lost, turn, monkeypatch):
        start_worker("other")
        ended(turn)

    assert ended(turn).message.content == "".join(WORDS[:5])
    assert (turn.status, turn.error_code, turn.error_retryable) == ("failed", "provider_interrupted", True)


def test_a_stopping_worker_hands_over_what_has_not_begun_and_ends_what_cannot_move(
    start_worker: Start, provide: Provide
) -> None:
    stub, drained = provide(), threading.Event()

    async def the_rest(call: Call) -> None:
        await asyncio.to_thread(drained.wait, 30)
        await call.say(*WORDS[2:4])
        await call.finish()

    stub.scripts.append(says_then(*WORDS[:2], then=the_rest))
    begun = make_turn()
    first = start_worker("first-remote")
    wait_until(lambda: said(begun) == "".join(WORDS[:2]), what="two words")
    stub.scripts.append(silence)
    waiting = make_turn()
    wait_until(lambda: len(stub.calls) == 2, what="both calls")
    first.drain()
    wait_until(lambda: Generation.objects.get(id=waiting.id).status == "queued", what="the handover")
    assert Generation.objects.get(id=begun.id).status == GenerationStatus.RUNNING
    drained.set()
    assert ended(begun).message.content == "".join(WORDS[:4])
    start_worker("second-remote")
    assert ended(waiting).status == GenerationStatus.SUCCEEDED


def test_workers_together_open_no_more_streams_than_the_provider_takes(
    start_worker: Start, provide: Provide
) -> None:
    stub, gate = provide(max_streams=2), threading.Event()

    async def held(call: Call) -> None:
        await asyncio.to_thread(gate.wait, 30)
        await call.say("done")
        await call.finish()

    stub.scripts.extend([held] * 2)
    turns = [make_turn() for _ in range(4)]
    for name in ("one-remote", "two-remote"):
        start_worker(name)
    wait_until(lambda: len(stub.calls) == 2, what="two calls")
    assert claim_streams(worker="three-remote", models=["big"]) == []
    assert [Generation.objects.get(id=turn.id).status for turn in turns] == ["running"] * 2 + ["queued"] * 2
    gate.set()
    assert {ended(turn).status for turn in turns} == {GenerationStatus.SUCCEEDED}
    assert [turn.attempt for turn in turns] == [1] * 4


def test_the_database_may_be_away_while_it_streams(
    start_worker: Start, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide()
    turn = make_turn()
    failures = [OperationalError("away")] * 3

    def away(**_: object) -> float:
        if failures:
            raise failures.pop()
        return 0.0

    monkeypatch.setattr("chat.services.provider_health.admit_call", away)
    start_worker()
    assert ended(turn).status == GenerationStatus.SUCCEEDED
