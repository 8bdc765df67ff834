"""The faults on llama.cpp: nothing knows the text beforehand, everything else has to be true all the same."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from itertools import islice
from typing import Any

import httpx2
import pytest

from tests.acceptance.faults.conftest import WORKERS
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.faults.history import find_violations
from tests.support.faults.reader import open_readers
from tests.support.gguf import write_random_gguf

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

MODEL = "slow"
TOKENS = 300
KINDS: list[dict[str, Any]] = [
    {"ignore_eos": True, "temperature": 1.5, "dry_multiplier": 0.8, "stop": ["never said"]},
    {"ignore_eos": True, "temperature": 0, "repeat_penalty": 1.3},
    {"grammar": {"gbnf": 'root ::= line{40}\nline ::= [a-z ]{40} "."'}},
    {"ignore_eos": True, "mirostat": 2, "logprobs": True},
]
"""What has to be replayed, a kind for each reader."""


PARAMETERS = {
    "type": "object",
    "properties": {"words": {"type": "string", "minLength": 300, "maxLength": 310}},
    "required": ["words"],
    "additionalProperties": False,
}
CALL: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Call it."}],
    "tools": [{"type": "function", "function": {"name": "note", "parameters": PARAMETERS}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "seed": 1,
}


@pytest.fixture(scope="module")
def llama_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers on a model that takes its time."""
    path = tmp_path_factory.mktemp("models") / f"{MODEL}.gguf"
    write_random_gguf(path, layers=8, dim=512, heads=8, ffn=1536, half=True)
    with start_cluster(*WORKERS, backend="llama", slots=4, MODEL=str(path)) as cluster:
        yield cluster


@pytest.mark.parametrize("fault", ["crash", "stop", "kill"])
async def test_replies_of_llama_cpp_survive_the_same_faults(llama_cluster: Cluster, fault: str) -> None:
    cluster = llama_cluster
    cluster.heal(*WORKERS)
    sessions = cluster.sessions(len(KINDS), model=MODEL, spare=3 * len(KINDS))
    async with open_readers(cluster.stack, sessions, cluster.key, seed=5) as readers:
        turns = [
            await reader.ask("Tell me.", max_tokens=TOKENS, **options)
            for reader, options in zip(readers, KINDS, strict=True)
        ]
        hit = turns[-1]
        await readers[-1].until_chunks(hit, 1)
        worker = cluster.workers[hit.workers[-1]]
        if fault == "crash":
            worker.engine().send_signal(signal.SIGSEGV)
        else:
            worker.signal(signal.SIGTERM if fault == "stop" else signal.SIGKILL)
        assert hit.end is None, "it was to be longer"
        for reader, turn in zip(readers, turns, strict=True):
            await reader.until_end(turn, within=120)
    stored = cluster.database.replies(turn.session_id for turn in turns)
    assert find_violations(turns, stored, oracle=None) == []
    assert stored[hit.generation_id].attempt == 2


def read_arguments(response: httpx2.Response) -> Iterator[tuple[str, str, str]]:
    """(completion's id, cursor, piece) of every piece of a call's arguments."""
    cursor = ""
    for line in response.iter_lines():
        if line.startswith("id: "):
            cursor = line.removeprefix("id: ")
        elif line.startswith("data: {"):
            data = json.loads(line.removeprefix("data: "))
            for choice in data["choices"]:
                for call in choice["delta"].get("tool_calls") or ():
                    yield data["id"], cursor, call["function"].get("arguments") or ""


def test_a_call_whose_worker_is_killed_amid_its_arguments_comes_whole(llama_cluster: Cluster) -> None:
    cluster = llama_cluster
    cluster.heal(*WORKERS)
    url = f"{cluster.stack.url}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {cluster.key}"}
    running = "SELECT worker FROM chat_generation WHERE status = 'running'"
    with httpx2.stream("POST", url, json=CALL | {"stream": True}, headers=headers, timeout=120) as response:
        arguments = read_arguments(response)
        before = list(islice(arguments, 3))
        ((name,),) = cluster.database.rows(running)
        cluster.workers[name].signal(signal.SIGKILL)
        after = list(arguments)
    identity, headers["Last-Event-ID"], _ = before[-1]
    whole = httpx2.get(f"{url}/{identity}", headers=headers).json()["choices"][0]
    assert whole["finish_reason"] == "tool_calls"
    (call,) = whole["message"]["tool_calls"]
    assert "".join(piece for *_, piece in before + after) == call["function"]["arguments"]
    assert len(json.loads(call["function"]["arguments"])["words"]) >= 300
    ((attempt,),) = cluster.database.rows(
        "SELECT attempt FROM chat_generation ORDER BY created_at DESC LIMIT 1"
    )
    assert attempt == 2
    with httpx2.stream("GET", f"{url}/{identity}?stream=true", headers=headers, timeout=60) as response:
        again = list(read_arguments(response))
    assert again == after, "a reader who was cut off reads the same"
