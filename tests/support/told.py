"""Generations whose streams tell what a test says."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.utils import timezone

from chat.models import ChatMessage, Generation
from chat.realtime.protocol.events import GenerationFinished
from chat.realtime.protocol.views import GenerationMetrics, UsageView

PARENT = uuid4()


def make_row(choice: int = 0, **options: Any) -> Generation:
    """A generation that is in no database."""
    message = ChatMessage(parent_id=PARENT)
    return Generation(
        id=uuid4(), model="m", created_at=timezone.now(), choice=choice, message=message, options=options
    )


USAGE = UsageView(prompt_tokens=9, cached_tokens=4, completion_tokens=2, total_tokens=11)
METRICS = GenerationMetrics(queue_ms=100, ttft_ms=150, response_time_ms=250, tokens_per_second=20.0)
IDS: Any = {"generation_id": str(uuid4()), "message_id": ""}


def ended(reason: str, last_seq: int = 0) -> GenerationFinished:
    """The end of a stream."""
    return GenerationFinished(**IDS, finish_reason=reason, last_seq=last_seq, usage=USAGE, metrics=METRICS)


def read_frame(frame: bytes) -> dict[str, str]:
    """The fields of an SSE frame."""
    return dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))
