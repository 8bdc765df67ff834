"""Requests for turns, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from chat.api.handler import PASSED
from chat.api.turnstile import AT_ONCE, PATHS, Turnstile, pass_through

(PATH, *_) = sorted(PATHS)


class Views:
    """Begins what is let in, and answers it when the test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ends: dict[int, asyncio.Future[HttpResponse]] = {}
        self.turnstile = Turnstile(self.view)
        self.tasks: list[asyncio.Task[Any]] = []

    async def view(self, request: HttpRequest) -> HttpResponse:
        number = int(request.headers["number"])
        self.begun.append(number)
        self.ends[number] = asyncio.get_running_loop().create_future()
        return await self.ends[number]

    async def ask(self, *numbers: int, method: str = "post", path: str = PATH) -> list[HttpRequest]:
        requests = [
            getattr(RequestFactory(), method)(path, headers={"number": str(each)}) for each in numbers
        ]
        self.tasks += [asyncio.create_task(self.turnstile(request)) for request in requests]
        await self.settle()
        return requests

    async def close(self) -> None:
        """Everybody hangs up."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Let everybody go as far as they can."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def views() -> AsyncIterator[Views]:
    views = Views()
    yield views
    await views.close()


async def test_so_many_begin_and_the_others_follow_as_they_came(views: Views) -> None:
    await views.ask(*range(AT_ONCE + 3))
    assert views.begun == list(range(AT_ONCE))
    views.ends[1].set_result(HttpResponse())
    await views.settle()
    assert views.begun == list(range(AT_ONCE + 1))
    views.ends[0].set_exception(RuntimeError("a bug"))
    await views.settle()
    assert views.begun == list(range(AT_ONCE + 2)), "who fails leaves as well"
    views.tasks[2].cancel()
    await views.settle()
    assert views.begun == list(range(AT_ONCE + 3)), "and who hangs up"


async def test_who_has_a_turn_makes_room_once(views: Views) -> None:
    requests = await views.ask(*range(AT_ONCE + 3))
    for _ in range(2):
        pass_through(requests[0])
    await views.settle()
    assert views.begun == list(range(AT_ONCE + 1))
    views.ends[0].set_result(HttpResponse())
    await views.settle()
    assert views.begun == list(range(AT_ONCE + 1)), "it had left already"


async def test_who_gives_up_waiting_leaves_the_place_to_the_next(views: Views) -> None:
    await views.ask(*range(AT_ONCE + 2))
    views.tasks[AT_ONCE].cancel()
    views.ends[0].set_result(HttpResponse())
    await views.settle()
    assert views.begun == [*range(AT_ONCE), AT_ONCE + 1]


@pytest.mark.parametrize(("method", "path"), [("get", PATH), ("post", "/v1/embeddings")])
async def test_what_asks_for_no_turn_waits_for_nobody(views: Views, method: str, path: str) -> None:
    await views.ask(*range(AT_ONCE))
    (request,) = await views.ask(99, method=method, path=path)
    assert views.begun[-1] == 99
    pass_through(request)


def test_programs_pass_it_last() -> None:
    assert PASSED[-1] is Turnstile
