"""`manage.py worker` and its Celery side."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from celery.signals import setup_logging, worker_shutting_down
from django.core.management import CommandError, call_command

from chat.models import Generation, GenerationStatus, WorkerNode, WorkerStatus
from chatproject.celery import app
from tests.support.factories import make_generation
from tests.support.waiting import wait_until
from workers import tasks
from workers.runtime import WorkerRuntime

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """The command installs a handler, and Celery says less; the test process keeps its own."""
    handler, level = signal.getsignal(signal.SIGTERM), logging.root.level
    yield
    signal.signal(signal.SIGTERM, handler)
    logging.root.setLevel(level)


@pytest.fixture(autouse=True)
def steps_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much the command makes its process nicer; the test process stays as it is."""
    given: list[int] = []
    monkeypatch.setattr("chat.management.commands.worker.give_way", given.append)
    return given


@pytest.fixture
def celery_arguments(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Celery's part ends at once, after a drain as SIGTERM would cause it."""
    arguments: list[str] = []

    def run(argv: list[str]) -> None:
        arguments.extend(argv)
        worker_shutting_down.send(sender="celery@w", sig="SIGTERM", how="Warm", exitcode=0)
        setup_logging.send(sender=None)

    monkeypatch.setattr(app, "worker_main", run)
    return arguments


def test_the_command_starts_serves_and_leaves(
    celery_arguments: list[str], steps_back: list[int], settings: Any
) -> None:
    settings.WORKER_NICENESS = 7
    call_command("worker", "--backend", "paced", "--name", "w", "--slots", "3")

    assert "--concurrency=2" in celery_arguments
    assert {
        "--pool=threads",
        "--queues=node.w,generations.paced.cpu,node.w-remote,generations.remote,chores",
        "--hostname=w",
        "--without-gossip",
    } < set(celery_arguments)
    node = WorkerNode.objects.get(name="w")
    assert (node.status, node.slots) == (WorkerStatus.STOPPED, 3)
    assert steps_back == [7]
    assert tasks._runtimes == []


def test_a_worker_is_named_after_its_process(celery_arguments: list[str]) -> None:
    call_command("worker", "--backend", "paced", "--slots", "1")

    assert WorkerNode.objects.get().name.endswith(f"-{os.getpid()}")


def test_an_early_sigterm_ends_it_in_good_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "worker_main", lambda argv: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as caught:
        call_command("worker", "--backend", "paced", "--name", "w")

    assert caught.value.code == 0
    assert WorkerNode.objects.get(name="w").status == WorkerStatus.STOPPED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slots", "255"], "1 to 254"),
        (["--memory", "-1"], "gigabytes"),
        (["--model", "unknown"], "no model named 'unknown'"),
        ([], "no default model"),
    ],
)
def test_wrong_options_are_named(options: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("worker", *options)

    assert not WorkerNode.objects.exists()


def test_what_the_start_refuses_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.types.errors import InferenceError

    def fail(self: WorkerRuntime) -> Any:
        raise InferenceError("worker_name_taken", "There is already a worker named w.")

    monkeypatch.setattr(WorkerRuntime, "start", fail)
    with pytest.raises(CommandError, match=r"^There is already a worker named w\.$"):
        call_command("worker", "--backend", "paced", "--name", "w")


@pytest.mark.services
def test_a_hint_through_celery_reaches_the_worker(redis_url: str) -> None:
    """Real Celery on real Redis, consuming in this process."""
    from celery.contrib.testing.worker import start_worker

    from chat.queue import enqueue_generation
    from chat.selectors.routing import Route
    from workers.config import make_worker_config

    config = make_worker_config(name="w", models=[], slots=2, device="cpu", backend="paced")
    runtime = WorkerRuntime(config)
    runtime.start()
    assert runtime._claimer is not None
    runtime._claimer._fill = lambda: None  # type: ignore[method-assign]  # only the hint may claim
    tasks._runtimes.append(runtime)
    try:
        queues = runtime.queues
        with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, queues=queues):
            generation = make_generation(content="[[end after 3]]")
            threading.Thread(
                target=enqueue_generation, args=(generation.id, "paced", Route(device="cpu"))
            ).start()
            wait_until(
                lambda: Generation.objects.get().status == GenerationStatus.SUCCEEDED,
                what="the reply",
                timeout=30,
            )
    finally:
        tasks._runtimes.remove(runtime)
        runtime.close()
