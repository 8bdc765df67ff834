"""What an idle, logged-in chat socket costs in a web process."""

from __future__ import annotations

from contextlib import AsyncExitStack

import psutil

from bench.report import Result
from tests.support.chat_client import create_api_key, open_socket, seed_sessions
from tests.support.stack import Stack, start_stack

SOCKETS = 1000


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


def _web_memory(stack: Stack) -> int:
    """Resident bytes of the web server's process."""
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        if any("chatproject.asgi" in part for part in process.cmdline()):
            return int(process.memory_info().rss)
    raise RuntimeError("no web process found under the stack")
