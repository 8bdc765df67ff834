"""What Celery does about hints, with a message as its consumer hands it over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery.exceptions import InvalidTaskError

from chat.queue import RUN_GENERATION
from chatproject.celery import app
from workers import tasks


class Part:
    """A part of a worker that keeps the hints it gets."""

    def __init__(self, *queues: str) -> None:
        self.queues = list(queues)
        self.hints: list[UUID] = []

    def hint(self, generation_id: UUID) -> None:
        self.hints.append(generation_id)

    def fill(self) -> None:
        """Not for these tests."""

    def drain(self) -> None:
        """Not for these tests."""


class Heard:
    """The strategy of hints, as a consumer starts it."""

    def __init__(self) -> None:
        consumer = SimpleNamespace(connection_errors=(OSError,))
        self.acknowledged: list[tuple[Any, ...]] = []
        self._strategy = app.tasks[RUN_GENERATION].start_strategy(app, consumer)

    def hear(self, *args: Any, queue: str) -> None:
        message = SimpleNamespace(payload=(args, {}, {}), delivery_info={"routing_key": queue})
        self._strategy(message, None, lambda *given: self.acknowledged.append(given), None, set())


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[Part, Part]:
    parts = Part("node.w", "generations.big.cpu"), Part("generations.remote")
    monkeypatch.setattr(tasks, "_runtimes", list(parts))
    return parts


def test_a_hint_goes_to_the_part_whose_queue_it_came_by(parts: tuple[Part, Part]) -> None:
    ours, remote = parts
    heard, ids = Heard(), [uuid4() for _ in range(3)]
    heard.hear(str(ids[0]), queue="node.w")
    heard.hear(str(ids[1]), queue="generations.remote")
    heard.hear(str(ids[2]), queue="generations.big.cpu")
    assert (ours.hints, remote.hints) == ([ids[0], ids[2]], [ids[1]])
    assert heard.acknowledged == [(tasks.logger, (OSError,))] * 3


@pytest.mark.parametrize("args", [(), ("no id",), (str(UUID(int=1)), "more")])
def test_what_is_no_hint_is_for_the_consumer_to_refuse(
    parts: tuple[Part, Part], args: tuple[Any, ...]
) -> None:
    heard = Heard()
    with pytest.raises(InvalidTaskError):
        heard.hear(*args, queue="node.w")
    assert (parts[0].hints, heard.acknowledged) == ([], [])
