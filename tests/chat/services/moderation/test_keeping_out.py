from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from chat.models import AuditEntry, Case, CaseSource, CaseStatus, Decision, Notice, Suspension, User
from chat.selectors.moderation import standing_decisions, suspension_notice
from chat.services.accounts import suspend_user
from chat.services.errors import Conflict
from chat.services.moderation.appeals import appeal_decision, decide_appeal
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.moderation.keeping_out import keep_out, let_in
from tests.support.factories import make_case, make_message, make_session, make_user

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


class TestSeveralDecisions:
    """Of those that stand the longest keeps somebody out."""

    @pytest.fixture
    def ann(self) -> User:
        return make_user()

    @pytest.fixture
    def week(self, ann: User, moderator: User) -> Case:
        """A suspension for seven days."""
        return keep_out(user=ann, reason="Spam.", until=in_days(7), by=moderator)

    @pytest.mark.parametrize("later", [Decision.BAN, Decision.SUSPEND])
    def test_the_earlier_one_goes_on_where_the_newest_is_taken_back(
        self, ann: User, week: Case, moderator: User, second: User, later: Decision
    ) -> None:
        newest = judge_message(ann, moderator, later)
        assert kept_out_by(ann) == newest
        overturn(newest, second)
        assert kept_out_by(ann) == week
        ann.refresh_from_db()
        told = (ann.suspension, ann.suspension_reason, ann.suspended_until, ann.suspended_by)
        assert told == ("suspended", "Spam.", week.until, moderator)
        notice = suspension_notice(ann)
        assert notice is not None
        assert notice.case == week, "which may be appealed as well"
        overturn(week, second)
        assert kept_out_by(ann) is None

    def test_the_newest_goes_on_where_the_earlier_one_is_taken_back(
        self, ann: User, week: Case, moderator: User, second: User
    ) -> None:
        newest = judge_message(ann, moderator, Decision.BAN)
        overturn(week, second)
        assert kept_out_by(ann) == newest
        overturn(newest, second)
        assert kept_out_by(ann) is None

    def test_a_ban_goes_on_beside_one_that_ends(self, ann: User, moderator: User, second: User) -> None:
        ban = keep_out(user=ann, reason="Threats.", kind=Suspension.BANNED, by=moderator)
        newest = judge_message(ann, moderator, Decision.BAN)
        overturn(newest, second)
        ann.refresh_from_db()
        assert (kept_out_by(ann), ann.suspension, ann.suspended_until) == (ban, "banned", None)

    def test_what_is_over_does_not_come_back(
        self, ann: User, week: Case, moderator: User, second: User
    ) -> None:
        newest = judge_message(ann, moderator, Decision.BAN)
        Case.objects.filter(id=week.id).update(until=timezone.now())
        overturn(newest, second)
        assert kept_out_by(ann) is None

    def test_nor_does_what_somebody_was_let_in_from(
        self, ann: User, week: Case, moderator: User, second: User
    ) -> None:
        let_in(user=ann, by=moderator)
        newest = keep_out(user=ann, reason="Threats.", by=moderator)
        overturn(newest, second)
        assert kept_out_by(ann) is None
        overturn(week, second)
        assert kept_out_by(ann) is None

    def test_letting_in_ends_them_all(self, ann: User, week: Case, moderator: User) -> None:
        judge_message(ann, moderator, Decision.BAN)
        let_in(user=ann, by=moderator)
        assert kept_out_by(ann) is None
        assert not standing_decisions(ann).exists()

    @pytest.mark.parametrize(("days", "stands"), [(1, False), (30, True)])
    def test_the_shell_takes_back_what_would_last_longer(
        self, ann: User, week: Case, second: User, days: int, stands: bool
    ) -> None:
        newest = keep_out(user=ann, reason="By the shell.", until=in_days(days))
        assert kept_out_by(ann) == newest
        overturn(newest, second)
        assert kept_out_by(ann) == (week if stands else None)


def in_days(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def judge_message(author: User, by: User, decision: Decision) -> Case:
    """A decision about something they wrote, for thirty days or for good."""
    case = make_case(make_message(make_session(author)))
    until = in_days(30) if decision == Decision.SUSPEND else None
    verdict = Verdict(decision=decision, reason="Threats.", until=until)
    return decide_case(actor=by, case_id=case.id, version=case.version, verdict=verdict)


def overturn(case: Case, by: User) -> None:
    assert case.subject is not None
    appeal = appeal_decision(
        user=case.subject, notice_id=Notice.objects.get(case=case, is_appealable=True).id, words="Why?"
    )
    decide_appeal(actor=by, appeal_id=appeal.id, version=appeal.version, overturn=True)


def kept_out_by(user: User) -> Case | None:
    found = User.objects.select_related("suspension_case").get(id=user.id)
    return found.suspension_case if found.is_suspended else None


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
