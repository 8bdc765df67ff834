"""What chat sockets cost in a web process: idle ones, and some that read nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import psutil

from bench.report import Result
from tests.support.chat_client import ChatSocket, create_api_key, open_socket, seed_sessions
from tests.support.stack import Stack, start_stack

SOCKETS = 1000
STALLED_OF = 20
STALL_S = 40.0


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
    """Resident memory of the web process while one socket in twenty reads nothing of fast, long replies."""
    with start_stack("--backend", "paced", PACED_RATE="500", SLOTS="16", CONTEXT_SIZE="1000000") as stack:
        key, sessions = create_api_key(stack), seed_sessions(stack, STALLED_OF, model="paced")
        async with AsyncExitStack() as resources:
            opened = [await resources.enter_async_context(open_socket(stack, each, key)) for each in sessions]
            stalled, reading = opened[:1], opened[1:]
            for socket in stalled:
                socket.connection.transport.pause_reading()
            turns = [asyncio.create_task(_read_for_ever(socket)) for socket in reading]
            for socket in stalled:
                await socket.ask("Tell me.", max_tokens=900_000)
            await asyncio.sleep(STALL_S / 4)
            figures = {"early": _web_memory(stack) / 2**20}
            await asyncio.sleep(STALL_S)
            figures["late"] = _web_memory(stack) / 2**20
            for turn in turns:
                turn.cancel()
            await asyncio.gather(*turns, return_exceptions=True)
    rounded = {name: round(size, 1) for name, size in figures.items()}
    name = f"web memory, 1 of {STALLED_OF} readers stalled for {STALL_S:g} s"
    return [Result(name=name, unit="MB", bounds={"late": round(1.1 * figures["early"], 1)}, figures=rounded)]


async def _read_for_ever(socket: ChatSocket) -> None:
    while True:
        await socket.ask("Tell me.", max_tokens=2000)
        await socket.finish()
        socket.seen.clear()


def _web_memory(stack: Stack) -> int:
    """Resident bytes of the web server's process."""
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        if any("chatproject.asgi" in part for part in process.cmdline()):
            return int(process.memory_info().rss)
    raise RuntimeError("no web process found under the stack")
