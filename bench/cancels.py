"""From a cancel to a free slot, on llama.cpp: while a reply is written, and while its prompt is read."""

from __future__ import annotations

import asyncio
import random
import re
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import Result, percentile
from tests.support.chat_client import ChatSocket, create_api_key, open_socket, seed_sessions
from tests.support.gguf import write_random_gguf
from tests.support.stack import Stack, start_stack

SAMPLES = 40
LOOK_S = 0.01
PROMPT_WORDS = 900
WITHIN_S = 20.0
STAMP = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) INFO workers"
"""A worker says when an attempt's end was committed: then its slot is free."""


async def cancels() -> list[Result]:
    """Wall-clock time on one machine: the cancel's sending to the line in the worker's log."""
    with TemporaryDirectory(prefix="parley-cancel-") as directory:
        model = write_random_gguf(
            Path(directory) / "slow.gguf", layers=8, dim=512, heads=8, ffn=1536, context=8192
        )
        with start_stack(MODEL=str(model), SLOTS="4", CONTEXT_SIZE="8192") as stack:
            key = create_api_key(stack)
            results = []
            for name, measure, bound in (
                ("decoding", _while_decoding, 150.0),
                ("prefilling", _while_prefilling, 300.0),
            ):
                samples = []
                for session in seed_sessions(stack, SAMPLES):
                    async with open_socket(stack, session, key) as socket:
                        samples.append(await measure(stack, socket))
                figures = {f"p{p}": round(percentile(samples, p), 1) for p in (50, 95)}
                results.append(
                    Result(
                        name=f"cancel → slot free, {name} ({SAMPLES})",
                        unit="ms",
                        bounds={"p95": bound},
                        figures=figures | {"max": round(max(samples), 1)},
                        samples=[round(sample, 1) for sample in samples],
                    )
                )
            return results


async def _while_decoding(stack: Stack, socket: ChatSocket) -> float:
    await socket.ask("Hello", max_tokens=4000, ignore_eos=True)
    generation_id = (await socket.until("delta"))["generation_id"]
    await asyncio.sleep(random.uniform(0.1, 0.3))
    return await _cancel(stack, socket, generation_id)


async def _while_prefilling(stack: Stack, socket: ChatSocket) -> float:
    await socket.ask(" ".join(random.choices("abcdefghij", k=PROMPT_WORDS * 4)), max_tokens=10)
    generation_id = (await socket.until("ack"))["generation_id"]
    await seen_at(stack, rf"generation {generation_id} attempt 1 starts")
    await asyncio.sleep(random.uniform(0.1, 0.4))
    assert not socket.deltas(generation_id), "its prompt was to be longer"
    return await _cancel(stack, socket, generation_id)


async def _cancel(stack: Stack, socket: ChatSocket, generation_id: str) -> float:
    asked_at = time.time()
    await socket.send(type="cancel", generation_id=generation_id)
    ended_at = await seen_at(stack, rf"generation {generation_id} attempt 1 ended: cancelled")
    await socket.finish()
    return (ended_at - asked_at) * 1000


async def seen_at(stack: Stack, words: str) -> float:
    """When a line of the log was written, by the worker's wall clock, which is ours."""
    line = re.compile(f"{STAMP}.*{words}")
    async with asyncio.timeout(WITHIN_S):
        while not (found := [match for each in list(stack.log) if (match := line.search(each))]):  # noqa: ASYNC110  a log has no event
            await asyncio.sleep(LOOK_S)
    return datetime.strptime(found[-1][1], "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007
