"""Every decision leaves exactly one entry in the audit log, however much it does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import AuditEntry, Decision
from chat.services.moderation.appeals import appeal_decision, decide_appeal
from chat.services.moderation.cases import Verdict, claim_case, decide_case, decide_cases, release_case
from tests.chat.services.moderation.conftest import make_moderator
from tests.support.factories import make_case, make_user

pytestmark = pytest.mark.django_db
AGAINST = [decision for decision in Decision if decision != Decision.DISMISS]


def verdict(decision: Decision) -> Verdict:
    until = timezone.now() + timedelta(days=1) if decision == Decision.SUSPEND else None
    return Verdict(decision=decision, reason="Spam.", until=until)


def entries() -> list[str]:
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


@pytest.mark.parametrize("decision", list(Decision))
def test_one_case(decision: Decision) -> None:
    moderator, case = make_moderator(), make_case()
    claim_case(actor=moderator, case_id=case.id)
    release_case(actor=moderator, case_id=case.id)
    assert entries() == []
    decide_case(actor=moderator, case_id=case.id, version=3, verdict=verdict(decision))
    assert entries() == ["case.decided"]


def test_many_at_once_are_one_each() -> None:
    chosen = [(make_case().id, 1) for _ in range(3)]
    decide_cases(actor=make_moderator(), cases=chosen, verdict=verdict(Decision.HIDE))
    assert entries() == ["case.decided"] * 3


@pytest.mark.parametrize("decision", AGAINST)
@pytest.mark.parametrize("overturn", [False, True])
def test_an_appeal(decision: Decision, overturn: bool) -> None:
    case = make_case(subject=make_user())
    decide_case(actor=make_moderator(), case_id=case.id, version=1, verdict=verdict(decision))
    assert case.subject is not None
    appeal = appeal_decision(user=case.subject, notice_id=case.subject.notices.get().id, words="Why?")
    decide_appeal(actor=make_moderator(), appeal_id=appeal.id, version=1, overturn=overturn)
    assert entries() == ["case.decided", "appeal.decided"]
