"""What a job's page tells of its job."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from chat.models import BatchJob, BatchLine
from chat.selectors import batches
from chat.selectors.batches import count_errors, measure_progress
from chat.services.batches import LineError
from tests.support.api import offer_model
from tests.support.batches import answer, claim, make_job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _place(files_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_model()
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)


@pytest.mark.parametrize(("most", "lines_per_second"), [(1000, 4 / 30), (2, 2 / 4)])
def test_the_pace_is_that_of_the_latest_lines(
    most: int, lines_per_second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(10)
    now = timezone.now() + timedelta(minutes=5)
    monkeypatch.setattr(timezone, "now", lambda: now)
    monkeypatch.setattr(batches, "PACE_LINES", most)
    for claimed, seconds in zip(claim(5), (200, 20, 10, 4, 2), strict=True):
        answer(claimed)
        BatchLine.objects.filter(id=claimed.id).update(finished_at=now - timedelta(seconds=seconds))
    job.refresh_from_db()
    progress = measure_progress(job)
    assert progress.lines_per_second == pytest.approx(lines_per_second)
    assert progress.tokens_per_second == pytest.approx(2 * lines_per_second)
    assert progress.ends_at == now + timedelta(seconds=5 / lines_per_second)


def test_errors_are_counted_by_kind(django_assert_num_queries: Any) -> None:
    job = make_job(4)
    first, *others = claim(4)
    answer(first)
    job.refresh_from_db()
    with django_assert_num_queries(0):
        assert count_errors(job) == []
    for claimed, code in zip(others, ("engine_error", "poison_request", "poison_request"), strict=True):
        answer(claimed, error=LineError(code=code, message=f"It has {code}."))
    job = BatchJob.objects.get(id=job.id)
    with django_assert_num_queries(2):
        kinds = count_errors(job)
    assert [(kind.code, kind.lines, kind.message) for kind in kinds] == [
        ("poison_request", 2, "It has poison_request."),
        ("engine_error", 1, "It has engine_error."),
    ]
