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
from inference.backends.paced.oracle import CLOCK_WRAP
from tests.support.chat_client import ChatSocket, Timed, create_api_key, open_socket, seed_sessions
from tests.support.stack import Stack, start_stack

TURNS = 30
SOCKETS = 200
TOKENS = 400


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
                deltas = await _stream(socket, max_tokens=500)
                ages += [age for timed in deltas for age in _ages(timed)]
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
    """200 sockets, each streaming ten deltas a second from one web process: nothing lost, and how late.

    Measured while all of them stream: from a second after the last one began until the first one ends.
    """
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
            streams = await asyncio.gather(*(_stream(socket, max_tokens=TOKENS) for socket in opened))
            committed = _commit_times(stack)
    begin = max(deltas[0].at for deltas in streams) + 1
    end = min(deltas[-1].at for deltas in streams)
    steady = [timed for deltas in streams for timed in deltas if begin < timed.at < end]
    delays = [_delay_ms(timed, committed) for timed in steady]
    ages = [age for timed in steady for age in _ages(timed)]
    said = sum(len(_ages(timed)) for deltas in streams for timed in deltas)
    name = f"{SOCKETS} sockets at 10 deltas/s"
    return [
        Result(
            name=f"{name}: commit → socket",
            unit="ms",
            bounds={"p99": 100},
            figures=spread(delays),
            samples=delays[::10],
        ),
        Result(
            name=f"{name}: engine → socket", unit="ms", bounds={}, figures=spread(ages), samples=ages[::10]
        ),
        Result(
            name=f"{name}: tokens lost",
            unit="tokens",
            bounds={"lost": 0},
            figures={"lost": float(SOCKETS * TOKENS - said)},
        ),
    ]


async def _stream(socket: ChatSocket, *, max_tokens: int) -> list[Timed]:
    """The deltas of one reply; fails when one was lost, repeated or reordered."""
    await socket.ask("Hello [[clock]]", max_tokens=max_tokens)
    finished = await socket.finish()
    socket.text(finished["generation_id"])
    return [timed for timed in socket.seen if timed.frame["type"] == "delta"]


def _ages(timed: Timed) -> list[float]:
    """How old each token of a delta was when it was read, in milliseconds."""
    return [age_ms(timed.at, token) for token in timed.frame["text"].split()]


def _commit_times(stack: Stack) -> dict[str, float]:
    """Wall-clock seconds at which each chunk was about to be committed: a little before it was."""
    times: dict[str, float] = json.loads(stack.manage("shell", "-v", "0", "-c", COMMITTED))
    return times


def _delay_ms(timed: Timed, committed: dict[str, float]) -> float:
    wall = time.time() - time.monotonic()
    return (timed.at + wall - committed[f"{timed.frame['generation_id']} {timed.frame['seq']}"]) * 1000
