"""What the path from socket to engine and back costs, on the paced backend.

With `[[clock]]` in the prompt every token is the time at which the backend made it (in tenths of a
millisecond of the system-wide monotonic clock, modulo `CLOCK_WRAP`), so each text carries its own birth.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack

from bench.report import Result, spread
from inference.backends.paced import CLOCK_WRAP
from tests.support.chat_client import ChatSocket, create_api_key, open_socket, seed_sessions
from tests.support.stack import Stack, start_stack

TURNS = 30
SOCKETS = 200


COMMITTED = """
import json
from chat.models import GenerationChunk
rows = GenerationChunk.objects.values_list("generation_id", "seq", "created_at")
print(json.dumps({f"{generation} {seq}": at.timestamp() for generation, seq, at in rows}))
"""


def age_ms(at: float, token: str) -> float:
    """How old a `[[clock]]` token is at a moment, in milliseconds."""
    return ((round(at * 10_000) - int(token)) % CLOCK_WRAP) / 10


async def first_delta() -> list[Result]:
    """Send → first delta on one socket of an idle stack; the backend's own first token comes at once."""
    samples = []
    with start_stack("--backend", "paced", PACED_RATE="100") as stack:
        key = create_api_key(stack)
        for session in seed_sessions(stack, TURNS + 1, model="paced"):
            async with open_socket(stack, session, key) as socket:
                samples.append(await _time_to_first_delta(socket))
    return [
        Result(
            name="send → first delta, 1 socket",
            unit="ms",
            bounds={"median": 30},
            figures=spread(samples[1:]),
            samples=samples[1:],
        )
    ]


async def _time_to_first_delta(socket: ChatSocket) -> float:
    await socket.until("user_joined")  # as a reader who has looked at the page: the socket has settled
    sent_at = await socket.ask("Hello [[clock]]", max_tokens=5)
    await socket.until("delta")
    first_at = socket.seen[-1].at
    await socket.finish()
    return (first_at - sent_at) * 1000


async def delta_latency() -> list[Result]:
    """Engine → socket for every token of long replies, one socket, idle stack, 100 tokens a second."""
    with start_stack("--backend", "paced", PACED_RATE="100") as stack:
        key = create_api_key(stack)
        ages: list[float] = []
        for session in seed_sessions(stack, 5, model="paced"):
            async with open_socket(stack, session, key) as socket:
                ages += await _ages(socket, max_tokens=500)
    return [
        Result(
            name="engine → socket, 1 stream at 100 tok/s",
            unit="ms",
            bounds={"median": 35, "p99": 90},
            figures=spread(ages),
            samples=ages,
        )
    ]


async def fan_out() -> list[Result]:
    """200 sockets, each streaming ten deltas a second from one web process: nothing lost, and how late."""
    with start_stack(
        "--backend",
        "paced",
        SLOTS=str(SOCKETS),
        PACED_RATE="10",
        MAX_QUEUED_PER_USER="1000",
        MAX_SOCKETS_PER_USER="1000",
    ) as stack:
        key = create_api_key(stack)
        async with AsyncExitStack() as sockets:
            opened = [
                await sockets.enter_async_context(open_socket(stack, session, key))
                for session in seed_sessions(stack, SOCKETS, model="paced")
            ]
            streams = await asyncio.gather(*(_ages(socket, max_tokens=200) for socket in opened))
            committed = _commit_times(stack)
    ages = [age for stream in streams for age in stream]
    delays = [delay for socket in opened for delay in _delays(socket, committed)]
    lost = float(SOCKETS * 200 - len(ages))
    return [
        Result(
            name=f"{SOCKETS} sockets at 10 deltas/s: commit → socket",
            unit="ms",
            bounds={"p99": 100},
            figures=spread(delays),
            samples=delays[::10],
        ),
        Result(
            name=f"{SOCKETS} sockets at 10 deltas/s: engine → socket",
            unit="ms",
            bounds={},
            figures=spread(ages),
            samples=ages[::10],
        ),
        Result(
            name=f"{SOCKETS} sockets: deltas lost", unit="tokens", bounds={"lost": 0}, figures={"lost": lost}
        ),
    ]


async def _ages(socket: ChatSocket, *, max_tokens: int) -> list[float]:
    await socket.ask("Hello [[clock]]", max_tokens=max_tokens)
    finished = await socket.finish()
    socket.text(finished["generation_id"])  # nothing lost, repeated or reordered
    return [
        age_ms(timed.at, token)
        for timed in socket.seen
        if timed.frame["type"] == "delta"
        for token in timed.frame["text"].split()
    ]


def _commit_times(stack: Stack) -> dict[str, float]:
    """Wall-clock seconds at which each chunk was about to be committed: a little before it was."""
    times: dict[str, float] = json.loads(stack.manage("shell", "-v", "0", "-c", COMMITTED))
    return times


def _delays(socket: ChatSocket, committed: dict[str, float]) -> list[float]:
    wall = time.time() - time.monotonic()
    return [
        (timed.at + wall - committed[f"{timed.frame['generation_id']} {timed.frame['seq']}"]) * 1000
        for timed in socket.seen
        if timed.frame["type"] == "delta"
    ]
