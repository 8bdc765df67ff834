"""Lines go to users in fair shares, under leases."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chat.models import BatchJob, BatchLine, LineStatus, WorkerControl
from chat.services.batches import (
    claim_lines,
    move_lines,
    release_expired_lines,
    release_lines,
    release_orphan_lines,
    steer_batch,
)
from chat.services.batches.claiming import Share, _turn
from chat.services.errors import Forbidden
from chat.services.generations import MAX_FAULTS
from tests.support.api import offer_model
from tests.support.batches import answer, claim, lines_of, make_job
from tests.support.factories import make_user


def shares(count: int) -> Counter[Any]:
    return Counter(line.job_id for line in claim(count))


def expire(**fields: Any) -> None:
    now = timezone.now()
    WorkerControl.objects.update_or_create(
        defaults={"last_tick": now + timedelta(seconds=1), "reap_after": now - timedelta(seconds=1)}
    )
    BatchLine.objects.filter(status=LineStatus.RUNNING).update(
        lease_until=now - timedelta(seconds=1), **fields
    )


def test_a_claim_is_fenced_and_leased() -> None:
    [line] = lines_of(make_job())
    [claimed] = claim(5)
    assert (claimed.id, claimed.attempt) == (line.id, 1)
    line.refresh_from_db()
    assert (line.status, line.worker) == (LineStatus.RUNNING, "w")
    assert line.lease_until is not None
    assert claim() == []


def test_users_share_alike_whatever_their_jobs() -> None:
    greedy, modest = make_user(), make_user()
    many = [make_job(20, user=greedy) for _ in range(3)]
    one = make_job(20, user=modest)
    got = shares(10)
    assert got[one.id] == 5
    assert sum(got[job.id] for job in many) == 5
    assert got[many[0].id] == 5, "of one user's jobs the oldest first"


def test_priority_orders_a_users_jobs_and_urgent_goes_before_everybody() -> None:
    user, staff = make_user(), make_user(is_superuser=True)
    make_job(3, user=user)
    later = make_job(3, user=user, priority=2)
    assert shares(2) == {later.id: 2}
    low = make_job(1, user=make_user())
    steer_batch(user=staff, job_id=low.id, priority=3)
    assert shares(1) == {low.id: 1}


def test_the_owner_of_an_urgent_job_changes_what_else_there_is_and_may_not_urge_it_again() -> None:
    owner, staff = make_user(), make_user(is_superuser=True)
    job = make_job(user=owner)
    steer_batch(user=staff, job_id=job.id, priority=3)
    assert steer_batch(user=owner, job_id=job.id, priority=3, max_running=2).max_running == 2
    assert steer_batch(user=owner, job_id=job.id, priority=1).priority == 1
    with pytest.raises(Forbidden):
        steer_batch(user=owner, job_id=job.id, priority=3)


def test_caps_pauses_and_other_models() -> None:
    capped = make_job(5, max_running=2)
    paused = make_job(5)
    steer_batch(user=paused.user, job_id=paused.id, is_paused=True)
    assert shares(9) == {capped.id: 2}
    assert claim_lines(worker="w", models=["other"], count=9) == []
    steer_batch(user=paused.user, job_id=paused.id, is_paused=False)
    assert shares(9) == {paused.id: 5}


def test_released_lines_go_on_elsewhere() -> None:
    make_job()
    [first] = claim()
    assert release_lines(lines=[(first.id, first.attempt)]) == [first.id]
    [second] = claim(worker="v")
    assert second.attempt == 2
    assert release_lines(lines=[(first.id, first.attempt)]) == []
    assert not answer(first)
    assert answer(second)


def test_lines_of_a_crashed_engine_move_where_somebody_else_has_their_model() -> None:
    make_job(2)
    first, doubted = claim(2)
    BatchLine.objects.filter(id=doubted.id).update(faults=MAX_FAULTS - 1)
    pairs = [(line.id, line.attempt) for line in (first, doubted)]
    assert move_lines(worker="w", lines=pairs) == [], "nobody else is there"
    offer_model(worker="v")
    assert move_lines(worker="w", lines=pairs) == [first.id]
    [again] = claim(2, worker="v")
    assert (again.id, again.faults) == (first.id, 1)


def test_a_restarted_worker_puts_back_its_own() -> None:
    make_job(2)
    claim(1, worker="a")
    claim(1, worker="b")
    assert release_orphan_lines(worker="a") == 1
    assert Counter(BatchLine.objects.values_list("status", flat=True)) == {"pending": 1, "running": 1}


def test_expired_leases_are_put_back_but_not_after_an_outage() -> None:
    make_job()
    [line] = claim()
    expire()
    WorkerControl.objects.update(reap_after=timezone.now() + timedelta(seconds=5))
    assert release_expired_lines() == 0
    WorkerControl.objects.update(reap_after=timezone.now() - timedelta(seconds=1))
    assert release_expired_lines() == 1
    assert BatchLine.objects.get(id=line.id).faults == 1


def test_a_line_that_loses_every_worker_fails() -> None:
    job = make_job()
    claim()
    expire(faults=MAX_FAULTS)
    release_expired_lines()
    [line] = lines_of(job)
    assert (line.status, line.error_code) == (LineStatus.FAILED, "attempts_exhausted")
    job.refresh_from_db()
    assert (job.failed, job.status) == (1, "finalizing")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=8))
def test_nobody_gets_two_more_than_somebody_who_waits(jobs: list[tuple[int, int]]) -> None:
    users = [UUID(int=number + 1) for number in range(4)]
    now = timezone.now()
    rows = [
        BatchJob(user_id=users[owner], priority=priority, created_at=now + timedelta(seconds=index))
        for index, (owner, priority) in enumerate(jobs)
    ]
    waiting = [Share(row, room=100) for row in rows]
    by_user: Counter[Any] = Counter()
    for _ in range(50):
        by_user[min(waiting, key=lambda share: _turn(share.job, by_user)).job.user_id] += 1
    owners = {row.user_id for row in rows}
    assert max(by_user[owner] for owner in owners) - min(by_user[owner] for owner in owners) <= 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_claim_at_once_keep_to_the_cap() -> None:
    job = make_job(20, max_running=3)
    both = threading.Barrier(2)

    def take(worker: str) -> int:
        both.wait()
        try:
            return len(claim(5, worker))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(take, ("a", "b")))
    assert sum(taken) == 3
    assert BatchLine.objects.filter(job=job, status=LineStatus.RUNNING).count() == 3
