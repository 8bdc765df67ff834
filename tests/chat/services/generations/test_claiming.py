"""Claims: the fairest rows, one winner each, faults counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chat.models import (
    ChatMessage,
    Generation,
    Priority,
    Role,
)
from chat.selectors.waiting import Waiting, fair_order
from chat.services.generations import (
    MAX_FAULTS,
    ClaimedGeneration,
    Progress,
    claim_generation,
    claim_generations,
    claiming,
    flush_progress,
)
from chat.services.generations.claiming import CANDIDATES, Candidate, fairest
from inference.types.prompts import PromptMessage
from tests.support.factories import make_generation, make_message, make_session

pytestmark = pytest.mark.django_db


def expire_lease(generation: Generation) -> None:
    Generation.objects.filter(id=generation.id).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_claims_a_queued_row_and_takes_a_lease() -> None:
    queued = make_generation()
    claimed = claim_generation(worker="w1", models=["paced"])
    assert claimed is not None
    queued.refresh_from_db()
    assert (claimed.id, claimed.attempt, claimed.next_seq) == (queued.id, 1, 0)
    assert (queued.status, queued.worker, queued.attempt, queued.faults) == ("running", "w1", 1, 0)
    assert queued.lease_until is not None
    assert timedelta(0) < queued.lease_until - timezone.now() <= timedelta(seconds=4.5)


def test_a_running_row_is_not_claimed_again() -> None:
    make_generation()
    assert claim_generation(worker="w1", models=["paced"])
    assert claim_generation(worker="w2", models=["paced"]) is None


def test_only_models_the_worker_has() -> None:
    make_generation(model="other")
    assert claim_generation(worker="w1", models=["paced"]) is None


def test_what_prefers_a_worker_is_left_to_it_for_a_moment() -> None:
    waiting = make_generation(preferred_worker="near")
    assert claim_generation(worker="far", models=["paced"]) is None
    Generation.objects.update(waiting_since=timezone.now() - timedelta(seconds=1))
    assert claim_generation(worker="far", models=["paced"]), "it did not claim in time"
    other = make_generation(preferred_worker="near")
    claimed = claim_generation(worker="near", models=["paced"])
    assert claimed is not None
    assert claimed.id == other.id != waiting.id


def test_interactive_before_batch_then_oldest() -> None:
    batch = make_generation(priority=Priority.BATCH)
    first = make_generation()
    second = make_generation()
    order = [claim_generation(worker="w", models=["paced"]) for _ in range(3)]
    assert [claim and claim.id for claim in order] == [first.id, second.id, batch.id]


def test_nobodys_twenty_prompts_go_before_anothers_first() -> None:
    busy = make_session()
    for _ in range(3):
        make_generation(busy)
    other = make_generation()
    claim_generation(worker="w", models=["paced"])
    second = claim_generation(worker="w", models=["paced"])
    assert second is not None
    assert second.id == other.id


def test_several_are_claimed_at_once_in_the_order_of_single_claims() -> None:
    busy, other = make_session(), make_session()
    late = make_generation(busy, priority=Priority.BATCH)
    first, third = make_generation(busy), make_generation(busy)
    second = make_generation(other)
    claimed = list(claim_generations(worker="w", models=["paced"], most=3))
    assert [each.id for each in claimed] == [first.id, second.id, third.id]
    assert [each.attempt for each in claimed] == [1, 1, 1]
    assert [each.id for each in claim_generations(worker="v", models=["paced"], most=3)] == [late.id]
    assert list(claim_generations(worker="v", models=["paced"], most=3)) == []
    assert dict(Generation.objects.values_list("id", "worker")) == {
        first.id: "w",
        second.id: "w",
        third.id: "w",
        late.id: "v",
    }


def test_more_are_claimed_than_one_look_finds() -> None:
    rows = [make_generation() for _ in range(CANDIDATES + 3)]
    claimed = claim_generations(worker="w", models=["paced"], most=CANDIDATES + 2)
    assert [each.id for each in claimed] == [row.id for row in rows[: CANDIDATES + 2]]


def test_one_that_cannot_be_read_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, claimed = [make_generation() for _ in range(3)], list[ClaimedGeneration]()
    describe = claiming._describe

    def describe_all_but_one(generation_id: UUID) -> ClaimedGeneration:
        if generation_id == rows[1].id:
            raise KeyError("deleted meanwhile")
        return describe(generation_id)

    monkeypatch.setattr(claiming, "_describe", describe_all_but_one)
    with pytest.raises(KeyError):
        claimed.extend(claim_generations(worker="w", models=["paced"], most=3))
    assert [each.id for each in claimed] == [rows[0].id]
    assert [each.id for each in claim_generations(worker="w", models=["paced"], most=3)] == [rows[2].id]


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_many_at_once_take_each_row_once() -> None:
    rows, together = [make_generation() for _ in range(2 * CANDIDATES)], Barrier(3)

    def claim(worker: str) -> list[UUID]:
        together.wait(10)
        try:
            claims = (claim_generations(worker=worker, models=["paced"], most=3) for _ in range(CANDIDATES))
            return [each.id for claim in claims for each in claim]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as workers:
        taken = [id_ for claimed in workers.map(claim, ["a", "b", "c"]) for id_ in claimed]
    assert sorted(taken) == sorted(row.id for row in rows)
    assert set(Generation.objects.values_list("attempt", "faults")) == {(1, 0)}


@pytest.mark.parametrize("wins", [[False, True, True], [True, False, True], [False, False, False]])
def test_what_another_worker_takes_meanwhile_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch, wins: list[bool]
) -> None:
    rows = [make_generation() for _ in range(3)]
    find, later = claiming._candidates.rows, timezone.now() + timedelta(hours=1)

    def race(*given: Any) -> list[tuple[Any, ...]]:
        found = find(*given)
        for row, is_ours in zip(rows, wins, strict=True):
            if not is_ours:
                Generation.objects.filter(id=row.id).update(status="running", lease_until=later)
        return found

    monkeypatch.setattr(claiming._candidates, "rows", race)
    claimed = list(claim_generations(worker="w", models=["paced"], most=3))
    assert [each.id for each in claimed] == [
        row.id for row, is_ours in zip(rows, wins, strict=True) if is_ours
    ]


def test_of_one_user_no_more_are_claimed_at_once_than_may_run(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 2
    busy = make_session()
    mine = [make_generation(busy) for _ in range(3)]
    other = make_generation()
    claimed = claim_generations(worker="w", models=["paced"], most=9)
    assert [each.id for each in claimed] == [mine[0].id, other.id, mine[1].id]


BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 5).map(lambda seconds: BEGAN + timedelta(seconds=seconds))
USERS = [UUID(int=number) for number in range(4)]


@given(
    rows=st.lists(st.tuples(st.sampled_from(USERS), st.integers(0, 1), MOMENTS, MOMENTS), max_size=40),
    running=st.fixed_dictionaries({user: st.integers(0, 3) for user in USERS}),
    most=st.integers(1, 40),
)
def test_who_is_claimed_at_once_is_who_waits_foremost(
    rows: list[tuple[UUID, int, datetime, datetime]], running: dict[UUID, int], most: int
) -> None:
    """The same order as people are told, however many of the rows are looked at at a time."""
    waiting = [
        Waiting(priority, turn, created_at, UUID(int=number), user_id)
        for number, (user_id, priority, turn, created_at) in enumerate(rows)
    ]
    order = fair_order(waiting, running)
    left, taken = {each.id: each for each in waiting}, list[UUID]()
    while left and len(taken) < most:
        found = [
            Candidate(
                *(each.id, "queued", each.user_id, each.priority, running[each.user_id], 99),
                *(each.turn, each.created_at),
            )
            for each in left.values()
        ]
        found.sort(key=lambda each: (each.priority, each.user_running, each.turn, each.created_at, each.id))
        chosen = fairest(found[:CANDIDATES], most - len(taken))
        assert chosen, "every look finds somebody"
        for each in chosen:
            taken.append(each.id)
            running[each.user_id] += 1
            del left[each.id]
    assert taken == order[:most]


def test_an_expired_lease_is_taken_over_and_counts_a_fault() -> None:
    row = make_generation()
    first = claim_generation(worker="w1", models=["paced"])
    assert first
    flush_progress(
        worker="w1",
        updates=[
            Progress(
                generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="Hi", token_ids=[7, 8]
            )
        ],
    )
    Generation.objects.update(started_at=timezone.now() - timedelta(seconds=20))
    expire_lease(row)
    second = claim_generation(worker="w2", models=["paced"])
    assert second is not None
    assert (second.attempt, second.resume_ids, second.resume_text, second.next_seq) == (2, [7, 8], "Hi", 1)
    assert second.spent_s >= 20, "since the first claim"
    row.refresh_from_db()
    assert (row.faults, row.worker) == (1, "w2")


def test_after_too_many_faults_nobody_claims() -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    Generation.objects.filter(id=row.id).update(faults=MAX_FAULTS)
    expire_lease(row)
    assert claim_generation(worker="w", models=["paced"]) is None


def test_a_cancelled_row_is_not_claimed() -> None:
    make_generation(cancel_requested=True)
    assert claim_generation(worker="w", models=["paced"]) is None


def test_the_conversation_is_the_path_to_the_root() -> None:
    session = make_session()
    root = make_message(session, "one")
    answer = make_message(session, "two", role=Role.ASSISTANT, parent=root)
    make_message(session, "a sibling branch", role=Role.ASSISTANT, parent=root)
    row = make_generation(session, content="three", options={"system_prompt": "Be kind."})
    ChatMessage.objects.filter(replies=row.message).update(parent=answer)
    claimed = claim_generation(worker="w", models=["paced"])
    assert claimed is not None
    assert claimed.messages == [
        PromptMessage("system", "Be kind."),
        PromptMessage("user", "one"),
        PromptMessage("assistant", "two"),
        PromptMessage("user", "three"),
    ]


def test_a_user_runs_so_many_at_once_and_others_go_on(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 2
    busy = make_session()
    for _ in range(3):
        make_generation(busy)
    assert all(claim_generation(worker="w", models=["paced"]) for _ in range(2))
    assert claim_generation(worker="w", models=["paced"]) is None
    other = make_generation()
    claimed = claim_generation(worker="w", models=["paced"])
    assert claimed is not None
    assert claimed.id == other.id


def test_the_limit_does_not_stop_a_takeover(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    row = make_generation()
    claim_generation(worker="w1", models=["paced"])
    expire_lease(row)
    assert claim_generation(worker="w2", models=["paced"]) is not None


def test_what_was_lost_with_the_last_worker_of_its_model_holds_nobody_up(settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    session = make_session()
    lost = make_generation(session, model="gone")
    claim_generation(worker="w1", models=["gone"])
    waiting = make_generation(session)
    assert claim_generation(worker="w2", models=["paced"]) is None
    expire_lease(lost)
    claimed = claim_generation(worker="w2", models=["paced"])
    assert claimed is not None
    assert claimed.id == waiting.id
