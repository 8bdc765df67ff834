"""The files of a job that has ended, however it did; and trying again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import BatchJob, BatchStatus, LineStatus, StoredFile, User
from chat.services.batches import LineError, cancel_batch, delete_batch, purge_batches, retry_failed
from chat.services.errors import Conflict, NotFound, TooManyRequests
from tests.support.batches import answer, claim, make_job, submit, tend
from tests.support.factories import make_user

POISON = LineError(code="poison_request", message="It crashes.")


def read(file: StoredFile | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    with file.content.open("rb") as lines:
        return [json.loads(line) for line in lines]


def test_output_and_errors() -> None:
    make_job(3)
    first, second, third = claim(3)
    answer(third, "Third.", prompt_tokens=4)
    answer(first, "First.")
    answer(second, error=POISON)
    job = tend()
    assert (job.status, job.completed_at is not None) == (BatchStatus.COMPLETED, True)
    output = read(job.output_file)
    assert [line["custom_id"] for line in output] == ["0", "2"]
    assert output[0]["response"]["status_code"] == 200
    body = output[1]["response"]["body"]
    assert (body["object"], body["model"]) == ("chat.completion", "paced")
    assert body["choices"][0]["message"]["content"] == "Third."
    assert body["usage"]["total_tokens"] == 6
    [error] = read(job.error_file)
    assert (error["custom_id"], error["error"]) == ("1", None)
    assert error["response"]["status_code"] == 500
    assert error["response"]["body"]["error"]["code"] == "poison_request"


def test_cancel_keeps_what_has_ended() -> None:
    job = make_job(3)
    answer(claim(2)[0])
    cancel_batch(user=job.user, job_id=job.id)
    assert claim(5) == []
    job = tend()
    assert (job.status, job.completed) == (BatchStatus.CANCELLED, 1)
    assert job.cancelling_at is not None
    assert job.cancelled_at is not None
    assert len(read(job.output_file)) == 1
    assert [line["error"]["code"] for line in read(job.error_file)] == ["batch_cancelled"] * 2
    with pytest.raises(Conflict):
        cancel_batch(user=job.user, job_id=job.id)


def test_an_expired_job_keeps_what_has_ended() -> None:
    job = make_job(2)
    late, early = claim(2)
    answer(early)
    BatchJob.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    job = tend()
    assert (job.status, len(read(job.output_file))) == (BatchStatus.EXPIRED, 1)
    assert read(job.error_file)[0]["error"]["code"] == "batch_expired"
    assert not answer(late), "a line that expired while it ran is told so, and its answer refused"


def test_a_job_without_errors_has_no_error_file() -> None:
    make_job(1)
    answer(claim()[0])
    assert tend().error_file is None


def test_failed_lines_are_tried_again_and_the_files_written_anew(
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    make_job(2)
    first, second = claim(2)
    answer(first)
    answer(second, error=POISON)
    job = tend()
    old = job.output_file
    retry_failed(user=job.user, job_id=job.id)
    [again] = claim(5)
    assert (again.id, again.checkpoint) == (second.id, [])
    answer(again, "Better.")
    with django_capture_on_commit_callbacks(execute=True):
        job = tend()
    assert (job.status, job.completed, job.failed, job.error_file) == (BatchStatus.COMPLETED, 2, 0, None)
    assert len(read(job.output_file)) == 2
    assert old is not None
    assert not StoredFile.objects.filter(id=old.id).exists()
    with pytest.raises(Conflict):
        retry_failed(user=job.user, job_id=job.id)


def fail_job(lines: int, *, user: User) -> BatchJob:
    job = make_job(lines, user=user)
    for claimed in claim(lines):
        answer(claimed, error=POISON)
    tend()
    return job


@pytest.mark.parametrize("limit", ["MAX_BATCH_LINES_PER_USER", "MAX_BATCH_TOKENS_PER_USER"])
def test_trying_again_keeps_within_its_owners_budgets(limit: str, settings: Any) -> None:
    user = make_user()
    failed, other = fail_job(2, user=user), make_job(2, user=user)
    budget = other.total if limit == "MAX_BATCH_LINES_PER_USER" else other.estimated_tokens
    setattr(settings, limit, budget)
    with pytest.raises(TooManyRequests):
        retry_failed(user=user, job_id=failed.id)
    assert not failed.lines.filter(status=LineStatus.PENDING).exists()
    setattr(settings, limit, 2 * budget)
    assert retry_failed(user=user, job_id=failed.id).status == BatchStatus.IN_PROGRESS


def test_a_job_that_staff_tries_again_is_one_of_its_owners(settings: Any) -> None:
    settings.MAX_BATCHES_PER_USER = 1
    staff, owner = make_user(is_superuser=True), make_user()
    failed = fail_job(1, user=owner)
    make_job(user=staff)
    assert retry_failed(user=staff, job_id=failed.id).status == BatchStatus.IN_PROGRESS


def test_only_owner_and_staff_touch_a_job() -> None:
    job = make_job()
    for act in (cancel_batch, retry_failed, delete_batch):
        with pytest.raises(NotFound):
            act(user=make_user(), job_id=job.id)
    assert cancel_batch(user=make_user(is_superuser=True), job_id=job.id).status == BatchStatus.CANCELLING


def test_a_job_is_forgotten_when_it_has_ended() -> None:
    job = make_job()
    with pytest.raises(Conflict):
        delete_batch(user=job.user, job_id=job.id)
    answer(claim()[0])
    job = tend()
    output = job.output_file
    delete_batch(user=job.user, job_id=job.id)
    assert not BatchJob.objects.exists()
    assert output is not None
    assert StoredFile.objects.filter(id=output.id).exists()


def test_old_jobs_are_purged_but_not_unfinished_ones() -> None:
    make_job()
    answer(claim()[0])
    tend()
    unfinished = submit()
    BatchJob.objects.update(created_at=timezone.now() - timedelta(days=31))
    purge_batches()
    assert list(BatchJob.objects.values_list("id", flat=True)) == [unfinished.id]
