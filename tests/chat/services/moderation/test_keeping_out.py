from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import AuditEntry, Case, CaseSource, CaseStatus, Decision, Notice, Suspension, User
from chat.selectors.moderation import suspension_notice
from chat.services.accounts import suspend_user
from chat.services.errors import Conflict
from chat.services.moderation.appeals import appeal_decision, decide_appeal
from chat.services.moderation.keeping_out import keep_out, let_in
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def test_it_is_a_case_that_is_decided_and_a_notice_that_tells(moderator: User) -> None:
    ann, until = make_user(), timezone.now() + timedelta(days=7)
    case = keep_out(user=ann, reason="Spam.", until=until, by=moderator)
    assert (case.source, case.status, case.decision) == (
        CaseSource.MODERATOR,
        CaseStatus.DECIDED,
        Decision.SUSPEND,
    )
    assert (case.message, case.subject, case.decided_by, case.reason) == (None, ann, moderator, "Spam.")
    notice = Notice.objects.get()
    assert (notice.user, notice.is_appealable) == (ann, True)
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in notice.body
    assert "Spam." in notice.body
    assert AuditEntry.objects.get().action == "user.suspended"


def test_a_refused_one_leaves_nothing(moderator: User) -> None:
    ann = make_user()
    keep_out(user=ann, reason="Spam.", kind=Suspension.BANNED, by=moderator)
    with pytest.raises(Conflict):
        keep_out(user=ann, reason="Again.", by=moderator)
    assert Case.objects.get().decision == Decision.BAN


@pytest.mark.parametrize("overturn", [True, False])
def test_a_second_moderator_judges(moderator: User, second: User, overturn: bool) -> None:
    ann = make_user()
    keep_out(user=ann, reason="Spam.", by=moderator)
    appeal = appeal_decision(user=ann, notice_id=Notice.objects.get().id, words="Why?")
    decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=overturn)
    assert User.objects.get(id=ann.id).is_suspended != overturn


def test_what_the_shell_decided_any_moderator_may_judge(moderator: User) -> None:
    ann = make_user()
    keep_out(user=ann, reason="Spam.")
    appeal = appeal_decision(user=ann, notice_id=Notice.objects.get().id, words="Why?")
    decide_appeal(actor=moderator, appeal_id=appeal.id, version=1, overturn=True)
    assert not User.objects.get(id=ann.id).is_suspended


def test_an_appeal_does_not_lift_a_later_suspension(moderator: User, second: User) -> None:
    ann = make_user()
    keep_out(user=ann, reason="Spam.", by=moderator)
    appeal = appeal_decision(user=ann, notice_id=Notice.objects.get().id, words="Why?")
    let_in(user=ann, by=moderator)
    keep_out(user=ann, reason="Threats.", by=moderator)
    decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True)
    assert User.objects.get(id=ann.id).is_suspended


def test_a_suspension_without_a_case_is_not_taken_for_an_earlier_one(moderator: User) -> None:
    ann = make_user()
    case = keep_out(user=ann, reason="Spam.", by=moderator)
    assert suspension_notice(ann) == Notice.objects.get(case=case)
    let_in(user=ann, by=moderator)
    suspend_user(user=ann, reason="Spam.", by=moderator)
    assert suspension_notice(ann) is None


def test_of_two_moderators_at_once_one_is_told(moderator: User, second: User) -> None:
    ann = make_user()
    seen_before = User.objects.get(id=ann.id)
    keep_out(user=ann, reason="Spam.", by=moderator)
    with pytest.raises(Conflict):
        keep_out(user=seen_before, reason="Threats.", by=second)
    assert Case.objects.get().reason == "Spam."
    let_in(user=User.objects.get(id=ann.id), by=moderator)
    with pytest.raises(Conflict):
        let_in(user=ann, by=second)
