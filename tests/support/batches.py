"""Batch jobs for tests, and a clerk that works at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.core.files.base import ContentFile

from chat.api.openai.lines import read_body, write_answer
from chat.models import BatchJob, BatchLine, BatchStatus, StoredFile, User
from chat.services.batches import (
    ClaimedLine,
    LineResult,
    Tenure,
    claim_lines,
    create_batch,
    finalise_batch,
    settle_lines,
    take_job,
    validate_batch,
)
from chat.services.files import store_file
from tests.support.factories import make_user

CHAT_URL = "/v1/chat/completions"


def request_line(custom_id: str = "a", *, content: str = "Hello", **fields: Any) -> dict[str, Any]:
    """One line of an input file."""
    messages = [{"role": "user", "content": content}]
    body = {"model": "paced", "messages": messages} | fields.pop("body", {})
    return {"custom_id": custom_id, "method": "POST", "url": CHAT_URL, "body": body} | fields


def make_file(user: User, lines: Sequence[dict[str, Any] | bytes]) -> StoredFile:
    """An uploaded input file."""
    raw = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return store_file(user=user, purpose="batch", file=ContentFile(raw), filename="in.jsonl")


def submit(*lines: dict[str, Any] | bytes, user: User | None = None, **fields: Any) -> BatchJob:
    """A job that nobody has looked at yet."""
    user = user or make_user()
    file = make_file(user, lines or [request_line()])
    return create_batch(user=user, input_file_id=file.id, endpoint=CHAT_URL, **fields)


def tend() -> BatchJob:
    """Let a clerk do what the next job needs; returns the job as it is then."""
    taken = take_job()
    assert taken is not None, "no job needs a clerk"
    job, tenure = taken
    if job.status == BatchStatus.VALIDATING:
        validate_batch(job=job, tenure=tenure, read_body=read_body)
    else:
        finalise_batch(job=job, tenure=tenure, write_answer=write_answer)
    job.refresh_from_db()
    return job


def make_job(count: int = 1, *, user: User | None = None, **fields: Any) -> BatchJob:
    """A job in progress with so many lines, `0`, `1`, …"""
    submit(*(request_line(str(number)) for number in range(count)), user=user, **fields)
    return tend()


def claim(count: int = 1, worker: str = "w") -> list[ClaimedLine]:
    """Claimed lines."""
    return claim_lines(worker=worker, models=["paced"], count=count)


def answer(claimed: ClaimedLine, text: str = "Hi.", **fields: Any) -> bool:
    """End a claimed line; whether it was still the caller's."""
    said: dict[str, Any] = {"choices": [{"text": text, "finish_reason": "stop"}], "completion_tokens": 2}
    result = LineResult(line_id=claimed.id, attempt=claimed.attempt, **said | fields)
    return bool(settle_lines(results=[result]))


def lines_of(job: BatchJob) -> list[BatchLine]:
    """The job's lines in the order of the file."""
    return list(job.lines.order_by("number"))


def hold(job: BatchJob) -> Tenure:
    """A clerk's hold on a job."""
    job.refresh_from_db()
    return Tenure(job_id=job.id, attempt=job.clerk_attempt)
