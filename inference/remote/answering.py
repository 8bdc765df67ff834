"""Which provider is asked, in what order, how often, and when to give up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx2
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from inference.remote import problems
from inference.remote.payload import find_refusal, ignored_options, make_payload
from inference.remote.problems import ProviderError
from inference.remote.reply import Call, Reply
from inference.remote.routes import Directory, Route
from inference.remote.streaming import stream_answer

logger = logging.getLogger(__name__)

ROUNDS = 4
"""How often all providers of a model are tried before a reply fails, unless one says something."""

LONGEST_WAIT_S = 20.0
"""Providers that want to be left alone for longer than this are not waited for."""

BACK_OFF = wait_exponential_jitter(multiplier=0.3, max=5.0, jitter=0.5)


class Answerer:
    """Gets replies said. One for all requests of an engine; runs on its loop."""

    def __init__(self, client: httpx2.AsyncClient, directory: Directory, rounds: int) -> None:
        self._rounds = rounds
        self._client = client
        self._directory = directory
        self._notes: set[asyncio.Task[None]] = set()
        self._order = asyncio.Lock()

    async def answer(self, reply: Reply) -> None:
        """Run a request to its end. Raises `ProviderError`.

        Rounds are counted from the last time that anybody said anything.
        """
        while True:
            said = reply.chars
            try:
                call = await self._retrying(self._ask_all, reply)
            except ProviderError as problem:
                if reply.chars == said:
                    raise
                logger.warning("%s was lost after %d characters: %s", _id(reply), reply.chars, problem)
            else:
                reply.start()
                reply.finish(call.reason or "stop", call.rest())
                return

    async def settle(self) -> None:
        """Wait until everything is noted."""
        await asyncio.gather(*self._notes)

    async def _retrying(self, ask: Callable[[Reply], Coroutine[Any, Any, Call]], reply: Reply) -> Call:
        said = reply.chars
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _is_worth_a_wait(error) and reply.chars == said),
            stop=stop_after_attempt(self._rounds),
            wait=_wait,
            reraise=True,
        )
        return await retrying(ask, reply)

    async def _ask_all(self, reply: Reply) -> Call:
        """One round: the first provider that answers."""
        request = reply.request
        routes = await asyncio.to_thread(self._directory.routes, request.model, request.provider)
        candidates = self._candidates(reply, routes)
        found: list[ProviderError] = []
        for route in candidates:
            if not await asyncio.to_thread(self._directory.take_stream, route, request.request_id):
                found.append(problems.full(route))
                continue
            rest_s = await asyncio.to_thread(self._directory.admit, route)
            if rest_s > 0:
                found.append(problems.resting(request.model, rest_s))
                continue
            said = reply.chars
            try:
                return await self._ask(reply, route)
            except ProviderError as problem:
                logger.warning("%s: %s: %s", _id(reply), problem.code, problem)
                if reply.chars > said:
                    raise
                found.append(problem)
        raise _sum_up(found)

    def _candidates(self, reply: Reply, routes: Sequence[Route]) -> list[Route]:
        """The routes that can take the request as it stands now. Raises `ProviderError` if none can."""
        model = reply.request.model
        if not routes:
            raise problems.nobody(model)
        reply.can_move = any(route.continues for route in routes) and not reply.has_called
        refusals = {route.id: find_refusal(route, reply.request.sampling) for route in routes}
        able = [route for route in routes if refusals[route.id] is None]
        if not able:
            raise next(refusal for refusal in refusals.values() if refusal is not None)
        if reply.said:
            able = [] if reply.has_called else [route for route in able if route.continues]
        if not able:
            raise problems.interrupted(model)
        return able

    async def _ask(self, reply: Reply, route: Route) -> Call:
        call = reply.begin(route, lambda ms: self._note(self._directory.note_first_token, route, ms))
        reply.ignored = ignored_options(route, reply.request)
        payload = make_payload(route, reply.request, said=reply.said, said_tokens=reply.said_tokens)
        try:
            await stream_answer(self._client, route, payload, call.hear)
        except ProviderError as problem:
            self._note_problem(route, problem)
            raise
        except asyncio.CancelledError:
            self._note(self._directory.note_success, route)  # nothing was wrong with it
            raise
        self._note(self._directory.note_success, route)
        return call

    def _note_problem(self, route: Route, problem: ProviderError) -> None:
        if not problem.at_fault:
            self._note(self._directory.note_refusal, route)
            return
        directory, message, rest_s = self._directory, str(problem), problem.rest_s
        self._note(lambda: directory.note_failure(route, message=message, rest_s=rest_s))

    def _note(self, note: Callable[..., None], *args: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._note_in_turn(note, *args))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _note_in_turn(self, note: Callable[..., None], *args: Any) -> None:
        try:
            async with self._order:
                await asyncio.to_thread(note, *args)
        except Exception:
            logger.exception("how a provider does cannot be noted")


def _is_worth_a_wait(error: BaseException) -> bool:
    return (
        isinstance(error, ProviderError)
        and error.passing
        and (error.rest_s is None or error.rest_s <= LONGEST_WAIT_S)
    )


def _wait(state: RetryCallState) -> float:
    """Back off with jitter, and at least for as long as the provider has asked."""
    error = state.outcome.exception() if state.outcome is not None else None
    rest_s = error.rest_s if isinstance(error, ProviderError) else None
    return max(BACK_OFF(state), rest_s or 0.0)


def _sum_up(found: Sequence[ProviderError]) -> ProviderError:
    """What a round came to: one that may pass, the soonest, before one that will not.

    A provider that is only full is waited for, in the queue if need be.
    """
    passing = [problem for problem in found if problem.passing]
    if any(problem.waits_for_stream for problem in passing):
        passing = [problem for problem in passing if problem.waits_for_stream]
    if passing:
        return min(passing, key=lambda problem: problem.rest_s or 0.0)
    return found[0]


def _id(reply: Reply) -> str:
    return f"request {reply.request.request_id}"
