"""What the groups of a person allow, at every way in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chat.models import BatchStatus, Generation, GroupLimits, LanguageModel, User, WorkerStatus
from chat.selectors.limits import limits_of, midnight, tokens_since, usable_models
from chat.services.errors import Forbidden, TooManyRequests
from chat.services.generations import claim_generation
from chat.services.limits import require_model
from chat.services.turns import start_turn
from chat.services.workers import heartbeat
from tests.support.api import Caller, answer_next
from tests.support.batches import answer, claim, make_job, request_line, submit, tend
from tests.support.factories import make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    """Somebody for whom a worker offers two models."""
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced", "quick"], slots=4)
    return make_user()


def limit(user: User, **fields: Any) -> GroupLimits:
    group = Group.objects.create(name=f"group{Group.objects.count()}")
    user.groups.add(group)
    return GroupLimits.objects.create(group=group, **fields)


def ask(user: User, model: str = "") -> Generation:
    session = make_session(user, llm_model=model)
    return start_turn(user=user, session_id=session.id, content="Hello").generation


def test_the_most_generous_group_counts(ann: User, settings: Any) -> None:
    settings.MAX_QUEUED_PER_USER, settings.MAX_RUNNING_PER_USER = 7, 5
    none = limits_of(ann)
    assert (none.models, none.tokens_per_day, none.max_queued, none.max_running) == (None, None, 7, 5)
    limit(ann, allowed_models=["paced"], tokens_per_day=10, max_queued=1)
    limit(ann, allowed_models=["quick"], tokens_per_day=20)
    limit(ann, max_running=2)
    both = limits_of(ann)
    assert both.models == frozenset({"paced", "quick"})
    assert (both.tokens_per_day, both.max_queued, both.max_running) == (20, 1, 2)
    assert limits_of(make_user()).models is None


def test_a_model_that_is_not_theirs_is_neither_listed_nor_used(ann: User) -> None:
    limit(ann, allowed_models=["paced"])
    caller = Caller(ann)
    assert list(usable_models(ann)) == ["paced"]
    assert [model["id"] for model in caller.get("/v1/models").json()["data"]] == ["paced"]
    assert caller.get("/v1/models/quick").status_code == 404
    with pytest.raises(Forbidden, match="may not use the model quick"):
        ask(ann, "quick")
    with pytest.raises(Forbidden):
        require_model(ann, "quick")
    require_model(ann, "paced")
    assert ask(ann, "paced").model == "paced"


def test_without_a_wish_one_gets_a_model_one_may_use(ann: User) -> None:
    limit(ann, allowed_models=["quick"])
    assert ask(ann).model == "quick"


def test_no_fallback_leads_around_it(ann: User) -> None:
    limit(ann, allowed_models=["gone"])
    quick = LanguageModel.objects.create(slug="quick", size_bytes=1, context_length=1)
    LanguageModel.objects.create(slug="gone", size_bytes=1, context_length=1, fallback=quick)
    row = ask(ann, "gone")
    assert (row.model, row.options["fallback_models"]) == ("gone", [])


@pytest.mark.usefixtures("files_dir")
def test_a_batch_is_checked_too(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)
    limit(ann, allowed_models=["quick"], tokens_per_day=1000)
    submit(user=ann)
    job = tend()
    assert (job.status, job.errors[0]["code"]) == (BatchStatus.FAILED, "forbidden")
    submit(request_line(content="x" * 6000, body={"model": "quick"}), user=ann)
    assert tend().errors[0]["code"] == "token_limit_exceeded"


def test_tokens_of_a_day_run_out_and_come_back_at_midnight(ann: User) -> None:
    limit(ann, tokens_per_day=2)
    ask(ann, "paced")
    answer_next("one", "two")
    with pytest.raises(TooManyRequests, match="your 2 tokens of today") as caught:
        ask(ann, "paced")
    assert 0 < caught.value.retry_after <= 86_400
    Generation.objects.update(created_at=midnight() - timedelta(seconds=1))
    ask(ann, "paced")


@pytest.mark.usefixtures("files_dir")
def test_lines_of_batches_count(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)
    make_job(1, user=ann)
    answer(claim()[0], prompt_tokens=3, completion_tokens=4)
    assert tokens_since(ann, midnight()) == 7
    assert tokens_since(ann, timezone.now() + timedelta(seconds=1)) == 0
    limit(ann, tokens_per_day=7)
    with pytest.raises(TooManyRequests):
        submit(user=ann)


def test_queued_and_running_are_bounded_by_the_group(ann: User) -> None:
    limit(ann, max_queued=2, max_running=1)
    ask(ann, "paced")
    ask(ann, "paced")
    with pytest.raises(TooManyRequests, match="2 of your replies"):
        ask(ann, "paced")
    assert claim_generation(worker="w", models=["paced"]) is not None
    assert claim_generation(worker="w", models=["paced"]) is None
    ask(make_user(), "paced")
    assert claim_generation(worker="w", models=["paced"]) is not None
