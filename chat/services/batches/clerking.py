"""Who validates and finalises which job: a lease on the job, and its clerk's attempt as the fence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from chat.models import BatchJob, BatchStatus
from chat.selectors.prepared import Prepared
from chat.services.generations.leases import database_time

CLERK_LEASE = timedelta(seconds=30)
RENEW_EVERY_S = 5.0
AT_ONCE = 8

TO_VALIDATE = Q(status=BatchStatus.VALIDATING)
OVERDUE = Q(status=BatchStatus.IN_PROGRESS, expires_at__lt=Now())
TO_FINALISE = Q(status__in=(BatchStatus.FINALIZING, BatchStatus.CANCELLING)) | OVERDUE
UNTENDED = Q(clerk_until__isnull=True) | Q(clerk_until__lt=Now())


class JobLost(Exception):  # noqa: N818  an answer, not a fault
    """Somebody else has the job now, or it was cancelled."""


@dataclass(kw_only=True)
class Tenure:
    """A clerk's hold on a job. `condition` is true of the row as long as it lasts."""

    job_id: UUID
    attempt: int
    clock: Callable[[], float] = monotonic
    renewed_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.renewed_at = self.clock()

    @property
    def condition(self) -> Q:
        """The fence."""
        return Q(id=self.job_id, clerk_attempt=self.attempt)

    def update(self, **fields: object) -> None:
        """Write to the job. Raises `JobLost`."""
        if not BatchJob.objects.filter(self.condition).update(**fields):
            raise JobLost

    def renew(self) -> None:
        """Extend the lease when it is time to. Raises `JobLost`."""
        if self.clock() - self.renewed_at > RENEW_EVERY_S:
            self.update(clerk_until=database_time(CLERK_LEASE))
            self.renewed_at = self.clock()


def take_job() -> tuple[BatchJob, Tenure] | None:
    """The longest waiting job that nobody tends, and the hold on it."""
    for (job_id,) in _due.rows():
        due = _untended().filter(id=job_id)
        if due.update(clerk_attempt=F("clerk_attempt") + 1, clerk_until=database_time(CLERK_LEASE)):
            job = BatchJob.objects.select_related("user", "input_file").get(id=job_id)
            return job, Tenure(job_id=job.id, attempt=job.clerk_attempt)
    return None


@Prepared
def _due() -> QuerySet[BatchJob, Any]:
    return _untended().order_by("created_at").values_list("id")[:AT_ONCE]


def _untended() -> QuerySet[BatchJob]:
    return BatchJob.objects.filter((TO_VALIDATE | TO_FINALISE) & UNTENDED)
