"""The end of a job: what is left of its lines is ended, then its files are written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing

import msgspec
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import BatchJob, BatchLine, BatchStatus, FilePurpose, LineStatus, StoredFile
from chat.selectors.batches import lines_behind
from chat.services.batches.clerking import Tenure
from chat.services.batches.lines import WriteAnswer
from chat.services.batches.notices import leave_notices
from chat.services.batches.settling import LineError
from chat.services.files import forget_file, keep_file, read_lifetime

logger = logging.getLogger(__name__)

OPEN = Q(status__in=(LineStatus.PENDING, LineStatus.RUNNING))
PIECE = 5000
LEFT = {
    LineStatus.EXPIRED: LineError(
        code="batch_expired",
        message="This request could not be executed before the completion window expired.",
    ),
    LineStatus.CANCELLED: LineError(
        code="batch_cancelled", message="This request was not executed: the batch was cancelled."
    ),
}


def finalise_batch(*, job: BatchJob, tenure: Tenure, write_answer: WriteAnswer) -> None:
    """End a job that has no line left, was cancelled or has expired. Raises `JobLost`."""
    cancelled = job.status == BatchStatus.CANCELLING
    if job.status == BatchStatus.IN_PROGRESS:
        tenure.update(status=BatchStatus.FINALIZING, finalizing_at=timezone.now())
    if job.in_progress_at is None:  # cancelled while it was validated
        BatchLine.objects.filter(job=job).delete()
        tenure.update(total=0)
    else:
        _end_lines(job, LineStatus.CANCELLED if cancelled else LineStatus.EXPIRED, tenure)
    with ExitStack() as stack:
        output, errors = (stack.enter_context(closing(_temporary_file())) for _ in range(2))
        for line in _ended(job, tenure):
            target = output if line.status == LineStatus.SUCCEEDED else errors
            target.write(msgspec.json.encode(write_answer(job, line)) + b"\n")
        _conclude(job, tenure, output, errors, cancelled=cancelled)


def _end_lines(job: BatchJob, status: LineStatus, tenure: Tenure) -> None:
    error = LEFT[status]
    while ids := list(BatchLine.objects.filter(OPEN, job=job).values_list("id", flat=True)[:PIECE]):
        tenure.renew()
        BatchLine.objects.filter(OPEN, id__in=ids).update(
            status=status,
            choices=[],
            lease_until=None,
            error_code=error.code,
            error_message=error.message,
            finished_at=timezone.now(),
        )


def _ended(job: BatchJob, tenure: Tenure) -> Iterator[BatchLine]:
    """The job's lines in the order of the input."""
    last = 0
    while lines := lines_behind(job, last):
        tenure.renew()
        yield from lines
        last = lines[-1].id


def _temporary_file() -> TemporaryUploadedFile:
    """Beside the stored files, so that keeping it is renaming it; gone if that does not happen."""
    return TemporaryUploadedFile("lines.jsonl", "application/jsonl", 0, None)


def _conclude(
    job: BatchJob,
    tenure: Tenure,
    output: TemporaryUploadedFile,
    errors: TemporaryUploadedFile,
    *,
    cancelled: bool,
) -> None:
    expired = BatchLine.objects.filter(job=job, status=LineStatus.EXPIRED).exists()
    status = BatchStatus.COMPLETED
    if cancelled or expired:
        status = BatchStatus.CANCELLED if cancelled else BatchStatus.EXPIRED
    old = [file for file in (job.output_file, job.error_file) if file is not None]
    with transaction.atomic():
        tenure.update(
            status=status,
            output_file=_keep(job, output, "output"),
            error_file=_keep(job, errors, "errors"),
            clerk_until=None,
            **{f"{status}_at": timezone.now()},
        )
        leave_notices(job_id=job.id)
        for file in old:
            forget_file(file)
    logger.info("batch %s is %s", job.id, status)


def _keep(job: BatchJob, file: TemporaryUploadedFile, kind: str) -> StoredFile | None:
    file.flush()
    file.size = file.tell()
    if not file.size:
        return None
    return keep_file(
        user=job.user,
        purpose=FilePurpose.BATCH_OUTPUT,
        file=file,
        filename=f"batch_{job.id.hex}_{kind}.jsonl",
        expires_at=timezone.now() + read_lifetime(job.output_expires_after_s),
    )
