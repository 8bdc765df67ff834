"""Requests of remote models: many streams in one thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence

import httpx2

from inference.prompt import UNCOUNTED, WITHOUT_COUNTING, apply_policy
from inference.remote.answering import ROUNDS, Answerer
from inference.remote.problems import ProviderError
from inference.remote.reply import Reply
from inference.remote.routes import Directory
from inference.tool_calls.syntax import HERMES
from inference.types.context import KEEP_ALL, ContextPolicy
from inference.types.errors import STOPPED, InferenceError, Reason
from inference.types.events import Emit, Failed
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.tools import ToolUse

logger = logging.getLogger(__name__)

BROKEN = InferenceError("internal_error", "Something went wrong here. Please try again.", retryable=True)

LEAVE_S = 5.0

HERE = dict.fromkeys(["all://localhost", "all://127.0.0.1", "all://[::1]"])
"""No proxy leads to this machine, whatever the environment says of proxies."""


class RemoteEngine:
    """Runs requests at providers. Every method may be called from any thread.

    As with an engine process, every submit ends in exactly one `Finished` or `Failed`, and after `close`
    nothing is emitted any more. `emit` is called on the engine's own thread; it must not block or raise.
    """

    is_overdue = False

    def __init__(self, directory: Directory, *, rounds: int = ROUNDS) -> None:
        self._directory = directory
        self._rounds = rounds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="remote models", daemon=True)
        self._replies: dict[str, tuple[Reply, asyncio.Task[None]]] = {}
        self._answerer: Answerer | None = None
        self._closed = False

    @property
    def is_alive(self) -> bool:
        """Whether requests can still be answered."""
        return self._thread.is_alive() and not self._closed

    def start(self) -> None:
        """Begin to take requests."""
        self._thread.start()

    def prepare(
        self,
        messages: Sequence[PromptMessage],
        template: str = "",
        tools: ToolUse | None = None,
        policy: ContextPolicy = KEEP_ALL,
        *,
        written: str = "",
    ) -> PreparedPrompt:
        """The conversation as it is, or its last turns: the provider renders it, and knows its own window.

        Raises `InferenceError` for a policy that counts tokens: only the provider could.
        """
        if policy.kind not in WITHOUT_COUNTING:
            raise InferenceError("unsupported_option", Reason(UNCOUNTED, {"policy": policy.kind}))
        chosen = apply_policy(messages, policy, lambda text: 0, room=0)
        syntax = HERMES.name if tools is not None else ""
        return PreparedPrompt(token_ids=[], messages=chosen.messages, dropped=chosen.dropped, syntax=syntax)

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Run a request."""
        if self._closed:
            message = "The worker is stopping. The reply will continue elsewhere."
            emit(Failed(request_id=request.request_id, code=STOPPED, message=message, retryable=True))
            return
        self._loop.call_soon_threadsafe(self._begin, Reply(request, emit))

    def cancel(self, request_id: str) -> None:
        """Hang up at once. Unknown ids are ignored: it may have just ended."""
        if not self._closed:
            self._loop.call_soon_threadsafe(self._cancel, request_id)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Nothing to do: a reply's length is bounded, and so is what can be waiting of it."""

    def can_move(self, request_id: str) -> bool:
        """Whether another worker could go on with a request: not when it has begun and none continues it."""
        known = self._replies.get(request_id)
        return known is None or known[0].can_move or not known[0].said

    def is_parked(self, request_id: str) -> bool:
        """Never: there is no process that could crash."""
        return False

    def close(self) -> None:
        """Hang up everywhere; live requests hear nothing more."""
        self._closed = True
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(LEAVE_S)

    # ---- on the engine's thread

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=32)
        client = httpx2.AsyncClient(limits=limits, follow_redirects=False, mounts=HERE)
        self._answerer = Answerer(client, self._directory, self._rounds)
        self._loop.run_forever()
        self._loop.run_until_complete(self._leave(client, self._answerer))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _leave(self, client: httpx2.AsyncClient, answerer: Answerer) -> None:
        tasks = [task for _, task in self._replies.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.aclose()
        await answerer.settle()

    def _begin(self, reply: Reply) -> None:
        request_id = reply.request.request_id
        task = self._loop.create_task(self._run(reply))
        self._replies[request_id] = reply, task
        task.add_done_callback(lambda _: self._replies.pop(request_id, None))

    def _cancel(self, request_id: str) -> None:
        reply, task = self._replies.get(request_id, (None, None))
        if reply is not None and task is not None:
            reply.is_cancelled = True
            task.cancel()

    async def _run(self, reply: Reply) -> None:
        assert self._answerer is not None  # noqa: S101  the loop runs
        try:
            async with asyncio.timeout(reply.request.time_limit_ms / 1000):
                await self._answerer.answer(reply)
        except TimeoutError:
            reply.finish("timeout")
        except asyncio.CancelledError:
            if reply.is_cancelled and not self._closed:
                reply.finish("cancelled")
        except ProviderError as problem:
            reply.fail(problem)
        except Exception:
            logger.exception("request %s cannot be answered", reply.request.request_id)
            reply.fail(BROKEN)
