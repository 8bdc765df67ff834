"""Jobs as a client of the API makes and watches them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.support.stack import Stack

CHAT = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")
LOOK_S = 0.1
SELDOM_S = 2.0


def open_client(stack: Stack, key: str) -> httpx2.Client:
    """A client with a key."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.Client(base_url=stack.url, headers=headers, timeout=600)


def request_line(number: int, *, model: str, content: str, tokens: int) -> bytes:
    """One line of an input file."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        "temperature": 0,
        "seed": 1,
        "ignore_eos": True,
    }
    line = {"custom_id": f"request-{number}", "method": "POST", "url": CHAT, "body": body}
    return json.dumps(line).encode() + b"\n"


def write_lines(path: Path, lines: Iterable[bytes]) -> Path:
    """A file of requests."""
    with path.open("wb") as file:
        file.writelines(lines)
    return path


def submit(client: httpx2.Client, path: Path) -> str:
    """Upload a file and make a job of it; returns its id."""
    with path.open("rb") as file:
        sent = client.post("/v1/files", data={"purpose": "batch"}, files={"file": (path.name, file)})
    sent.raise_for_status()
    asked = {"input_file_id": sent.json()["id"], "endpoint": CHAT, "completion_window": "24h"}
    made = client.post("/v1/batches", json=asked)
    made.raise_for_status()
    batch_id: str = made.json()["id"]
    return batch_id


def look(client: httpx2.Client, batch_id: str) -> dict[str, Any]:
    """The job as it is."""
    answer = client.get(f"/v1/batches/{batch_id}")
    answer.raise_for_status()
    job: dict[str, Any] = answer.json()
    return job


def watch(
    client: httpx2.Client, batch_id: str, *, until: Iterable[str] = ENDED, every_s: float = LOOK_S
) -> Iterator[dict[str, Any]]:
    """The job again and again, until it is in one of these states."""
    while True:
        job = look(client, batch_id)
        yield job
        if job["status"] in until:
            return
        time.sleep(every_s)


def time_lines(stack: Stack, client: httpx2.Client, batch_id: str) -> float:
    """Seconds from the first line's start to the last one's end; without validation and files.

    As the job's row tells: who looks takes processor time from who is looked at.
    """
    list(watch(client, batch_id, every_s=SELDOM_S))
    job = f"BatchJob.objects.get(id='{batch_id.removeprefix('batch_')}')"
    asked = f"from chat.models import BatchJob; job = {job}; print(job.finalizing_at - job.in_progress_at)"
    hours, minutes, seconds = stack.manage("shell", "--no-imports", "--command", asked).split()[-1].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def read_output(client: httpx2.Client, batch_id: str) -> list[dict[str, Any]]:
    """The lines of a finished job's output file."""
    job = list(watch(client, batch_id))[-1]
    content = client.get(f"/v1/files/{job['output_file_id']}/content")
    content.raise_for_status()
    return [json.loads(line) for line in content.text.splitlines()]
