"""Batch jobs on a running deployment, by the official `openai` package; and workers killed meanwhile."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from tests.support.faults.cluster import find_process, start_cluster
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

ENDED = ("completed", "failed", "expired", "cancelled")
CHAT_URL: Any = "/v1/chat/completions"
EMBEDDINGS_URL: Any = "/v1/embeddings"
LINES = 2000
LARGE = 64 << 20
TOKENS = 8


def request_lines(count: int, *, max_tokens: int = TOKENS, model: str = "paced") -> bytes:
    return b"\n".join(
        json.dumps(
            {
                "custom_id": f"request-{number}",
                "method": "POST",
                "url": CHAT_URL,
                "body": {
                    "model": model,
                    "messages": [{"role": "user", "content": f"Hello {number}"}],
                    "max_tokens": max_tokens,
                },
            }
        ).encode()
        for number in range(count)
    )


def submit(client: openai.OpenAI, lines: bytes, endpoint: Any = CHAT_URL) -> str:
    file = client.files.create(file=("requests.jsonl", lines), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"for": "a test"}
    )
    return made.id


def wait_for(client: openai.OpenAI, batch_id: str, *statuses: str, timeout: float = 60) -> Any:
    def look() -> Any:
        batch = client.batches.retrieve(batch_id)
        return batch if batch.status in statuses else None

    return wait_until(look, timeout=timeout, interval=0.25, what=f"{batch_id} {statuses}")


def read(client: openai.OpenAI, file_id: str) -> dict[str, Any]:
    """The lines of a file by their custom ids; fails when one is there twice."""
    lines = [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    by_id = {line["custom_id"]: line for line in lines}
    assert len(by_id) == len(lines)
    return by_id


@pytest.fixture
def client(paced_stack: Stack, paced_key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{paced_stack.url}/v1", api_key=paced_key) as client:
        yield client


def test_the_official_sdk_runs_a_batch(client: openai.OpenAI) -> None:
    batch_id = submit(client, request_lines(20))
    done = wait_for(client, batch_id, *ENDED)
    assert (done.status, done.metadata) == ("completed", {"for": "a test"})
    assert (done.request_counts.total, done.request_counts.completed) == (20, 20)
    output = read(client, done.output_file_id)
    assert list(output) == [f"request-{number}" for number in range(20)]
    body = output["request-3"]["response"]["body"]
    alone = client.chat.completions.create(
        model="paced", messages=[{"role": "user", "content": "Hello 3"}], max_tokens=TOKENS
    )
    assert body["choices"][0]["message"]["content"] == alone.choices[0].message.content
    assert batch_id in [batch.id for batch in client.batches.list()]


def test_a_batch_of_embeddings_has_what_the_endpoint_answers(client: openai.OpenAI) -> None:
    texts = ["a heron", "a river"]
    line = {"custom_id": "v", "method": "POST", "url": EMBEDDINGS_URL}
    body = {"model": "paced", "input": texts, "encoding_format": "float"}
    batch_id = submit(client, json.dumps(line | {"body": body}).encode(), EMBEDDINGS_URL)
    done = wait_for(client, batch_id, *ENDED)
    answer = read(client, done.output_file_id)["v"]["response"]["body"]
    direct = client.embeddings.create(model="paced", input=texts, encoding_format="float")
    assert [each["embedding"] for each in answer["data"]] == [each.embedding for each in direct.data]
    assert answer["usage"]["total_tokens"] == direct.usage.total_tokens


def test_a_cancelled_batch_keeps_what_has_ended(client: openai.OpenAI) -> None:
    long = request_lines(4, max_tokens=3000).replace(b"request-", b"long-")
    batch_id = submit(client, request_lines(3, max_tokens=2) + b"\n" + long)

    def some_ended() -> bool:
        counts = client.batches.retrieve(batch_id).request_counts
        return counts is not None and counts.completed > 0

    wait_until(some_ended, timeout=30, what="a first result")
    assert client.batches.cancel(batch_id).status == "cancelling"
    done = wait_for(client, batch_id, *ENDED)
    assert done.status == "cancelled"
    output, errors = read(client, done.output_file_id), read(client, done.error_file_id)
    assert len(output) + len(errors) == 7
    assert {line["error"]["code"] for line in errors.values()} == {"batch_cancelled"}


def test_a_bad_file_is_told_by_line(client: openai.OpenAI) -> None:
    failed = wait_for(client, submit(client, request_lines(1) + b"\n{\n"), *ENDED)
    assert failed.status == "failed"
    assert [(error.code, error.line) for error in failed.errors.data] == [("invalid_json_line", 2)]


def test_an_upload_is_streamed_to_disk(client: openai.OpenAI, paced_stack: Stack) -> None:
    web = find_process(paced_stack.process.pid, "uvicorn")
    assert web is not None
    client.files.create(file=("warm.jsonl", b"{}"), purpose="batch")
    before = peak_memory(web)
    kept = client.files.create(file=("large.jsonl", b"x" * LARGE), purpose="batch")
    assert kept.bytes == LARGE
    assert peak_memory(web) - before < LARGE / 2
    client.files.delete(kept.id)


def peak_memory(process: psutil.Process) -> int:
    """The most bytes it ever held."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def test_killed_workers_cost_no_line_and_double_none() -> None:
    names = ("ann", "bob")
    with ExitStack() as stack:
        cluster = stack.enter_context(start_cluster(*names, rate=400, slots=32))
        url = f"{cluster.stack.url}/v1"
        client = stack.enter_context(openai.OpenAI(base_url=url, api_key=cluster.key))
        batch_id = submit(client, request_lines(LINES))

        def ended(count: int) -> bool:
            counts = client.batches.retrieve(batch_id).request_counts
            return counts is not None and counts.completed >= count

        for kill, name in enumerate((*names, *names), start=1):
            wait_until(lambda kill=kill: ended(kill * LINES // 6), timeout=60, what="lines")  # type: ignore[misc]
            cluster.workers[name].signal(signal.SIGKILL)
            cluster.workers[name].process.wait()
            cluster.launch(name)
        done = wait_for(client, batch_id, *ENDED, timeout=120)
        assert (done.status, done.error_file_id) == ("completed", None)
        output = read(client, done.output_file_id)
    assert output.keys() == {f"request-{number}" for number in range(LINES)}
    tokens = {line["response"]["body"]["usage"]["completion_tokens"] for line in output.values()}
    assert tokens == {TOKENS}
