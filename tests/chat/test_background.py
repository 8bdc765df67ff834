from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chat import background, queue
from chat.background import BackgroundSender
from chat.selectors.routing import Route
from chatproject.celery import app


def sender(send: Callable[[Any], None]) -> BackgroundSender[Any]:
    def send_all(items: list[Any]) -> None:
        for item in items:
            send(item)

    return BackgroundSender("test", lambda: send_all)


def test_in_order_on_its_own_thread() -> None:
    sent: list[tuple[int, str]] = []
    background_sender = sender(lambda item: sent.append((item, threading.current_thread().name)))
    for number in range(100):
        background_sender.put(number)
    assert background_sender.flush(5)
    assert sent == [(number, "test") for number in range(100)]


def test_nothing_to_flush_is_flushed() -> None:
    assert sender(lambda item: None).flush(0)


def test_the_oldest_is_dropped_when_nobody_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CAPACITY", 3)
    sent: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def send(item: int) -> None:
        begun.set()
        assert go.wait(5)
        sent.append(item)

    background_sender = sender(send)
    background_sender.put(0)
    assert begun.wait(5)
    for number in range(1, 10):
        background_sender.put(number)
    assert not background_sender.flush(0)
    go.set()
    assert background_sender.flush(5)
    assert sent == [0, 7, 8, 9]


def test_a_failure_is_logged_once_per_outage(caplog: pytest.LogCaptureFixture) -> None:
    def send(item: bool) -> None:
        if not item:
            raise OSError("away")

    background_sender = sender(send)
    for item in (False, False, True, False):
        background_sender.put(item)
        assert background_sender.flush(5)
    assert caplog.text.count("away") == 2


def test_a_fork_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    background_sender = sender(sent.append)
    background_sender.put(1)
    assert background_sender.flush(5)
    first = background_sender._thread
    monkeypatch.setattr(os, "getpid", lambda: -1)
    background_sender.put(2)
    assert background_sender.flush(5)
    assert sent == [1, 2]
    assert background_sender._thread is not first


@pytest.fixture
def no_older_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints of earlier tests may still be on their way to a broker that is away."""
    monkeypatch.setattr(queue, "_sender", BackgroundSender("hints", queue._open))


@pytest.mark.usefixtures("no_older_hints")
def test_a_hint_is_a_task_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(app, "send_task", lambda name, **kwargs: sent.append((name, kwargs)))
    generation_id = uuid4()
    queue.enqueue_generation(generation_id, "tiny", Route(device="cpu"))
    queue.enqueue_generation(generation_id, "tiny", Route(worker="w"))
    queue.enqueue_generation(generation_id, "tiny", Route())
    assert queue.flush_queue(5)
    arguments = {"args": [str(generation_id)], "retry": False}
    assert sent == [
        ("workers.run_generation", arguments | {"queue": "generations.tiny.cpu"}),
        ("workers.run_generation", arguments | {"queue": "node.w"}),
    ]


@pytest.mark.usefixtures("no_older_hints")
def test_without_a_broker_the_row_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise app.connection_for_write().connection_errors[0]("away")

    monkeypatch.setattr(app, "send_task", away)
    queue.enqueue_generation(uuid4(), "tiny", Route(device="cpu"))
    assert queue.flush_queue(5)
