"""`batches`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.openai.documents import BatchesOut, BatchOut, answers
from chat.api.openai.files import listing
from chat.api.openai.ids import BATCH, FILE, parse_id
from chat.api.openai.requests import idempotency_of
from chat.api.openai.schemas import Strict
from chat.api.parsing import example
from chat.models import BatchJob, BatchPriority, BatchStatus
from chat.selectors.batches import find_batch, list_batches
from chat.services.batches import cancel_batch, create_batch, retry_failed, steer_batch
from chat.services.errors import NotFound

router = Router(tags=["batches"], auth=LOGGED_IN)

TIMES = (
    *("created", "in_progress", "expires", "finalizing", "completed"),
    *("failed", "expired", "cancelling", "cancelled"),
)


class OutputExpiry(Strict):
    """When the output and error files expire, counted from when they are written; else after 30 days."""

    anchor: Literal["created_at"]
    seconds: int


class BatchIn(Strict):
    """The body of `POST batches`; the last four fields are our own."""

    model_config = example(input_file_id="$FILE_ID", endpoint="/v1/chat/completions")

    input_file_id: str
    endpoint: str
    completion_window: str = "24h"
    metadata: dict[str, str] | None = None
    output_expires_after: OutputExpiry | None = None
    priority: int = BatchPriority.NORMAL
    max_running: int | None = None
    webhook_url: Annotated[str, Field(max_length=1000)] = ""
    notify_email: bool = False


class Steering(Strict):
    """What may be changed while a batch runs; what is left out stays."""

    model_config = example(is_paused=True)

    is_paused: bool = False
    priority: int = BatchPriority.NORMAL
    max_running: int | None = None


@router.post("batches", summary="Create a batch", response=answers(BatchOut))
def post_batch(request: HttpRequest, body: BatchIn) -> Any:
    """It is validated in the background; look at its `status`, then at `errors`.

    The same `Idempotency-Key` and body is the same batch.
    """
    given = body.model_dump(exclude={"input_file_id", "output_expires_after"})
    expiry = body.output_expires_after
    job = create_batch(
        user=user_of(request),
        input_file_id=parse_id(FILE, body.input_file_id),
        output_expires_after_s=expiry.seconds if expiry is not None else None,
        **given,
        **idempotency_of(request),
    )
    return describe(job)


@router.get("batches", summary="Batches", response=answers(BatchesOut))
def get_batches(
    request: HttpRequest, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: str | None = None
) -> Any:
    """Newest first; `after` is the last id of the page before."""
    cursor = parse_id(BATCH, after) if after else None
    page = list_batches(user=user_of(request), limit=limit, after=cursor)
    return listing([describe(job) for job in page.rows], has_more=page.has_more)


@router.get("batches/{batch_id}", summary="A batch", response=answers(BatchOut))
def get_batch(request: HttpRequest, batch_id: str) -> Any:
    """Its state, times and counts."""
    job = find_batch(user=user_of(request), job_id=parse_id(BATCH, batch_id))
    if job is None:
        raise NotFound("No batch found with id '%(id)s'.", field="id", values={"id": batch_id[:100]})
    return describe(job)


@router.post("batches/{batch_id}/cancel", summary="Cancel a batch", response=answers(BatchOut))
def post_cancel(request: HttpRequest, batch_id: str) -> Any:
    """What has ended by then is in the output and error files."""
    return describe(cancel_batch(user=user_of(request), job_id=parse_id(BATCH, batch_id)))


@router.post(
    "batches/{batch_id}/retry",
    summary="Try the failed lines of a batch again",
    response=answers(BatchOut),
)
def post_retry(request: HttpRequest, batch_id: str) -> Any:
    """Our own: lines that failed, expired or were cancelled; the files are then written anew."""
    return describe(retry_failed(user=user_of(request), job_id=parse_id(BATCH, batch_id)))


@router.patch(
    "batches/{batch_id}",
    summary="Pause, resume or reprioritise a batch",
    response=answers(BatchOut),
)
def patch_batch(request: HttpRequest, batch_id: str, body: Steering) -> Any:
    """Our own: `priority` 0 to 2 orders your batches, 3 is for staff; `max_running` caps lines at once."""
    changes = body.model_dump(exclude_unset=True)
    return describe(steer_batch(user=user_of(request), job_id=parse_id(BATCH, batch_id), **changes))


def describe(job: BatchJob) -> dict[str, Any]:
    """OpenAI's batch object, and our own fields behind it."""
    times = {f"{name}_at": getattr(job, f"{name}_at") for name in TIMES}
    return {
        "id": f"{BATCH}{job.id.hex}",
        "object": "batch",
        "endpoint": job.endpoint,
        "model": job.model or None,
        "errors": {"object": "list", "data": job.shown_errors} if job.status == BatchStatus.FAILED else None,
        "input_file_id": _file_id(job.input_file_id),
        "completion_window": job.completion_window,
        "status": job.status,
        "output_file_id": _file_id(job.output_file_id),
        "error_file_id": _file_id(job.error_file_id),
        **{name: int(at.timestamp()) if at else None for name, at in times.items()},
        "request_counts": {"total": job.total, "completed": job.completed, "failed": job.failed},
        "usage": {
            "input_tokens": job.prompt_tokens,
            "input_tokens_details": {"cached_tokens": job.cached_tokens},
            "output_tokens": job.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": job.prompt_tokens + job.completion_tokens,
        },
        "metadata": job.metadata or None,
        "is_paused": job.is_paused,
        "priority": job.priority,
        "max_running": job.max_running,
    }


def _file_id(file_id: UUID | None) -> str | None:
    return f"{FILE}{file_id.hex}" if file_id is not None else None
