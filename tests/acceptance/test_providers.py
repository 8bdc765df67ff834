"""Remote models through a whole deployment: real second servers, and deaths on either side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import openai
import psutil
import pytest

from tests.support.llama_server import LlamaServer, start_llama_server
from tests.support.provider import WORDS, Call, says_then, start_provider
from tests.support.stack import DEMO_MODEL, Stack

pytestmark = pytest.mark.stack


@pytest.fixture
def client(paced_stack: Stack, paced_key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{paced_stack.url}/v1", api_key=paced_key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def llama_server() -> Iterator[LlamaServer]:
    with start_llama_server(DEMO_MODEL) as server:
        yield server


def ask(client: openai.OpenAI, model: str, **options: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": "Hello"}]
    return client.chat.completions.create(model=model, messages=messages, **options)


def test_parleys_own_endpoint_is_a_provider(
    paced_stack: Stack, paced_key: str, client: openai.OpenAI
) -> None:
    add = ["provider", "add", "self", f"{paced_stack.url}/v1", "-m", "paced=paced-by-http", "--key"]
    paced_stack.manage(*add, stdin=f"{paced_key}\n")
    tested = paced_stack.manage("provider", "test", "self")
    assert "says" in tested
    assert paced_key not in tested + paced_stack.tail(400)
    direct = ask(client, "paced", max_tokens=20, seed=4)
    remote = ask(client, "paced-by-http", max_tokens=20, seed=4)
    assert remote.choices[0].message.content == direct.choices[0].message.content
    counts = [(reply.usage.prompt_tokens, reply.usage.completion_tokens) for reply in (remote, direct)]
    assert counts[0] == counts[1]


def test_llama_cpp_pythons_server_answers_until_it_dies(
    paced_stack: Stack, client: openai.OpenAI, llama_server: LlamaServer
) -> None:
    add = ["provider", "add", "llama", llama_server.url, "-m", "demo", "--idle-timeout", "10"]
    paced_stack.manage(*add)
    reply = ask(client, "demo", max_tokens=12, temperature=0)
    assert reply.choices[0].message.content
    assert reply.usage.completion_tokens <= 12

    llama_server.process.kill()
    llama_server.process.wait()
    with pytest.raises(openai.APIError) as refused:
        ask(client, "demo", max_tokens=5)
    assert refused.value.code in ("provider_unreachable", "provider_resting")
    assert "cannot be reached" in paced_stack.manage("provider", "list")


def test_a_killed_workers_reply_goes_on(paced_stack: Stack, client: openai.OpenAI) -> None:
    with start_provider() as stub:
        cut = threading.Event()

        async def until_cut(call: Call) -> None:
            while not call.gone.is_set():
                await asyncio.sleep(0.01)
            cut.set()

        stub.scripts.append(says_then(*WORDS[:5], then=until_cut))
        paced_stack.manage(
            *("provider", "add", "stub", stub.url, "-m", "their/words=words", "--continuation", "assistant")
        )
        stream = ask(client, "words", max_tokens=40, stream=True)
        text = ""
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            if text == "".join(WORDS[:5]) and not cut.is_set():
                _worker(paced_stack).kill()
                assert cut.wait(10)
        assert text == "".join(WORDS)[: len(text)]
        assert text.startswith("".join(WORDS[:30]))
        assert stub.last.body["messages"][-1] == {"role": "assistant", "content": "".join(WORDS[:5])}


def _worker(stack: Stack) -> psutil.Process:
    children = psutil.Process(stack.process.pid).children(recursive=True)
    return next(child for child in children if "worker" in child.cmdline() and "--name" in child.cmdline())
