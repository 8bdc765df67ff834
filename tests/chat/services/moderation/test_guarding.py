from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chat.models import BatchJob, BatchLine, BatchPriority, Case, CaseSource, ChatSession, Generation
from chat.selectors.moderation import case_history
from chat.services.batches import BackgroundResult
from chat.services.moderation.guarding import ask_guard, read_score, take_score
from tests.support.api import offer_model
from tests.support.batches import answer, claim
from tests.support.factories import make_case, make_message

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _guard(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.GUARD_MODEL = "paced"
    offer_model()
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)


def ended(session: ChatSession) -> Generation:
    question = make_message(session, "How do I hurt them?")
    reply = make_message(session, "I will not say.", role="assistant", parent=question)
    return Generation.objects.create(
        session=session,
        message=reply,
        user=session.owner,
        model="paced",
        status="succeeded",
        finished_at=timezone.now(),
    )


def score(subject: object, text: str) -> None:
    owner = ChatSession.objects.values_list("owner", flat=True).first() or uuid4()
    take_score(BackgroundResult(subject=str(subject), user_id=owner, model="paced", text=text))


def test_question_and_reply_are_looked_at_when_nobody_waits(session: ChatSession) -> None:
    row = ended(session)
    ask_guard(generation_id=row.id)
    lines = BatchLine.objects.order_by("number")
    assert [line.custom_id for line in lines] == [str(row.message.parent_id), str(row.message_id)]
    assert ["How do I hurt them?" in line.body for line in lines] == [True, False]
    assert BatchJob.objects.get().priority == BatchPriority.LOW


def test_without_a_guard_nobody_looks(session: ChatSession, settings: Any) -> None:
    settings.GUARD_MODEL = ""
    ask_guard(generation_id=ended(session).id)
    assert not BatchLine.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_answers_becomes_a_case(session: ChatSession) -> None:
    row = ended(session)
    ask_guard(generation_id=row.id)
    (line,) = claim()
    assert answer(line, " 85, I think")
    case = Case.objects.get()
    assert (case.source, case.score, case.severity) == (CaseSource.CLASSIFIER, 0.85, 2)
    subject = BatchLine.objects.get(id=line.id).custom_id
    assert (str(case.message_id), case.summary) == (subject, "paced: 85 of 100")


@pytest.mark.parametrize(("said", "opens"), [("69", False), ("70", True), ("safe", False), ("", False)])
def test_the_threshold(session: ChatSession, said: str, opens: bool) -> None:
    score(make_message(session).id, said)
    assert Case.objects.exists() == opens


def test_a_score_of_what_is_reported_already_stands_in_its_history(session: ChatSession) -> None:
    message = make_message(session)
    make_case(message)
    score(message.id, "95")
    case = Case.objects.get()
    assert (case.severity, case.version, case.score) == (3, 2, None)
    assert [(event.kind, event.details["score"]) for event in case_history(case)] == [("reported", 0.95)]


def test_what_is_gone_is_no_fault() -> None:
    score(uuid4(), "100")
    assert not Case.objects.exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [("85", 0.85), ("Score: 7.5", 0.075), ("900", 1.0), ("unsafe\nS1", 1.0), ("Safe", 0.0), ("hm", None)],
)
def test_scores(said: str, expected: float | None) -> None:
    assert read_score(said) == expected
