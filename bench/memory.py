"""What chat sockets cost in a web process: idle ones, and some that read nothing."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import httpx2
import psutil

from bench.report import Result
from tests.support.chat_client import ChatSocket, create_api_key, open_socket, seed_sessions
from tests.support.stack import Stack, start_stack

SOCKETS = 1000
STALLED_OF = 20
WARM_S = 10.0
GONE_S = 90.0
LONG = 60_000


async def idle_sockets() -> list[Result]:
    """Resident memory per socket at 100, 300 and 1,000 sockets, each in a session of its own."""
    with start_stack("--backend", "paced", MAX_SOCKETS_PER_USER="2000") as stack:
        key, sessions = create_api_key(stack), seed_sessions(stack, SOCKETS, model="paced")
        async with AsyncExitStack() as sockets:
            for session in sessions[:20]:  # the first ones also pay for pools and caches
                await sockets.enter_async_context(open_socket(stack, session, key))
            before, results = _web_memory(stack), []
            for opened, session in enumerate(sessions[20:], start=1):
                await sockets.enter_async_context(open_socket(stack, session, key))
                if opened in (100, 300, SOCKETS - 20):
                    per_socket = (_web_memory(stack) - before) / opened / 1024
                    results.append(
                        Result(
                            name=f"memory per idle socket at {opened}",
                            unit="KB",
                            bounds={"mean": 100},
                            figures={"mean": round(per_socket, 1)},
                        )
                    )
    return results


async def stalled_readers() -> list[Result]:
    """Resident memory of the web process while one socket in twenty reads nothing of what is written in its
    session, until that one is closed.
    """
    env = {"PACED_RATE": "20", "SLOTS": str(STALLED_OF), "CONTEXT_SIZE": "100000"}
    with start_stack("--backend", "paced", wait_for_ready=True, first_start=False, **env) as stack:
        key, sessions = create_api_key(stack), seed_sessions(stack, STALLED_OF, model="paced")
        async with AsyncExitStack() as resources:
            opened = [await resources.enter_async_context(open_socket(stack, each, key)) for each in sessions]
            writer = await resources.enter_async_context(open_socket(stack, sessions[0], key))
            tasks = [asyncio.create_task(_read_for_ever(socket)) for socket in opened[1:]]
            await asyncio.sleep(WARM_S)
            sizes, before = [_web_memory(stack)], await _count_sockets(stack)
            opened[0].connection.transport.pause_reading()
            tasks.append(asyncio.create_task(_rewrite_for_ever(writer)))
            stalled_at = time.monotonic()
            while (seconds := time.monotonic() - stalled_at) < GONE_S:
                await asyncio.sleep(1)
                sizes.append(_web_memory(stack))
                if await _count_sockets(stack) < before:
                    break
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    early, peak, late = (round(size / 2**20, 1) for size in (sizes[0], max(sizes), sizes[-1]))
    return [
        Result(
            name=f"web memory, 1 of {STALLED_OF} readers stalled",
            unit="MB",
            bounds={"peak": round(1.1 * early, 1)},
            figures={"early": early, "peak": peak, "late": late},
        ),
        Result(
            name="a stalled reader is closed after",
            unit="s",
            bounds={"closed": GONE_S - 1},
            figures={"closed": round(seconds, 1)},
        ),
    ]


async def _read_for_ever(socket: ChatSocket) -> None:
    while True:
        await socket.ask("Tell me.", max_tokens=200)
        await socket.finish()
        socket.seen.clear()


async def _rewrite_for_ever(socket: ChatSocket) -> None:
    """Say so much in a session that the buffers of who does not read are full soon."""
    await socket.ask("Tell me.", max_tokens=1)
    await socket.finish()
    question = next(
        frame["message"]["id"]
        for frame in (timed.frame for timed in socket.seen)
        if frame["type"] == "message_update" and frame["message"]["role"] == "user"
    )
    while True:
        await socket.send(type="edit_message", message_id=question, content="x" * LONG)
        await socket.until("message_update")
        socket.seen.clear()
        await asyncio.sleep(0.2)


async def _count_sockets(stack: Stack) -> int:
    """As the web process counts them."""
    async with httpx2.AsyncClient() as client:
        page = (await client.get(f"{stack.url}/metrics")).text
    return next(
        int(float(line.split()[1])) for line in page.splitlines() if line.startswith("parley_sockets ")
    )


def _web_memory(stack: Stack) -> int:
    """Resident bytes of the web server's process."""
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        if any("chatproject.asgi" in part for part in process.cmdline()):
            return int(process.memory_info().rss)
    raise RuntimeError("no web process found under the stack")
