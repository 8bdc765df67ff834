"""How fast lines go: beside the engine alone, and with a shared prefix beside llama-server."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.batch.beside_chat import running
from bench.batch.jobs import request_line, submit, time_lines, write_lines
from bench.batch.options import Options
from bench.engine.llama_server import LlamaServer, without_flash_attention
from bench.engine.model import find_model
from bench.engine.parley import ParleyServer
from bench.engine.servers import Ask, Server, Trace
from bench.report import Result
from inference.types.prompts import PromptMessage
from tests.support.services import temporary_directory

SLOTS = 8
CONTEXT = 2048
TOKENS = 64
PREFIX_TOKENS = 32
PREFIX = "It is a long story. " * 250
"""About a thousand tokens of it are cut off for the prompts."""


def alone(options: Options) -> list[Result]:
    """Tokens a second of a job, and of the same prompts given to the engine itself."""
    model = find_model(options.model)
    contents = [f"{number}: tell me about it" for number in range(options.measured)]
    engine = run_engine(model, contents, TOKENS)
    job = run_job(model, contents, TOKENS)
    return [
        Result(
            name=f"{options.measured} lines: the engine's tokens a second ÷ the batch's",
            unit="",
            bounds={"ratio": round(1 / 0.97, 3)},
            figures={"ratio": round(engine / job, 3), "engine": round(engine, 1), "batch": round(job, 1)},
        )
    ]


def shared_prefix(options: Options) -> list[Result]:
    """Prompts that begin with the same thousand tokens, and llama-server with a concurrent client."""
    model = find_model(options.model)
    contents = [f"{prefix_for(model)} Now number {number}." for number in range(options.measured)]
    prompts = tokenise(model, contents)
    rates = {
        server.name: rate
        for start in (LlamaServer, without_flash_attention)
        for server, rate in [run_peer(start, model, prompts, PREFIX_TOKENS)]
    }
    ours = run_job(model, contents, PREFIX_TOKENS)
    return [
        Result(
            name=f"{options.measured} lines, prefix of 1,000 tokens: llama-server's tokens a second ÷ ours",
            unit="",
            bounds={"better": 1.0, "default": 0.5},
            figures={
                "better": round(max(rates.values()) / ours, 3),
                "default": round(rates[LlamaServer.name] / ours, 3),
                "ours": round(ours, 1),
                **{name: round(rate, 1) for name, rate in rates.items()},
            },
        )
    ]


def run_job(model: Path, contents: Sequence[str], tokens: int) -> float:
    """Tokens a second of the lines as a job on a whole stack."""
    lines = (
        request_line(number, model=model.stem, content=content, tokens=tokens)
        for number, content in enumerate(contents)
    )
    with (
        temporary_directory("bench-") as directory,
        running(model, CONTEXT_SIZE=str(CONTEXT)) as (stack, client),
    ):
        batch_id = submit(client, write_lines(directory / "lines.jsonl", lines))
        return len(contents) * tokens / time_lines(stack, client, batch_id)


def run_engine(model: Path, contents: Sequence[str], tokens: int) -> float:
    """Tokens a second of the same prompts, all of them given to the engine at once."""
    prompts = tokenise(model, contents)
    server = ParleyServer(model, SLOTS, CONTEXT)
    try:
        return drive(server, prompts, tokens, len(prompts))
    finally:
        server.close()


def run_peer(
    start: Callable[[Path, int, int], LlamaServer], model: Path, prompts: Sequence[list[int]], tokens: int
) -> tuple[LlamaServer, float]:
    """Tokens a second of a client with as many connections as there are slots."""
    server = start(model, SLOTS, CONTEXT)
    try:
        return server, drive(server, prompts, tokens, SLOTS)
    finally:
        server.close()


def drive(server: Server, prompts: Sequence[list[int]], tokens: int, connections: int) -> float:
    """Tokens a second of so many prompts at a time."""
    started = time.perf_counter()

    def ask(prompt: list[int]) -> int:
        trace = Trace(0.0)
        server.ask(Ask(prompt=prompt, tokens=tokens), trace, time.perf_counter)
        return len(trace.token_ids)

    with ThreadPoolExecutor(connections) as threads:
        said = sum(threads.map(ask, prompts))
    return said / (time.perf_counter() - started)


def tokenise(model: Path, contents: Sequence[str]) -> list[list[int]]:
    """The prompts as a job's lines become them."""
    server = ParleyServer(model, 1, CONTEXT)
    try:
        return [
            list(server.prepare([PromptMessage(role="user", content=text)]).token_ids) for text in contents
        ]
    finally:
        server.close()


def prefix_for(model: Path) -> str:
    """So much of the prefix as is a thousand tokens."""
    (whole,) = tokenise(model, [PREFIX[:400]])
    return PREFIX[: 1000 * 400 // len(whole)]
