from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.models import (
    Appeal,
    AppealStatus,
    AuditEntry,
    Case,
    ChatMessage,
    Decision,
    Notice,
    Report,
    ReportKind,
    Strike,
    User,
)
from chat.selectors.moderation import active_strikes, list_appeals
from chat.services.accounts.roles import set_role
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.moderation.appeals import appeal_decision, decide_appeal
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.moderation.reports import report_message
from tests.support.factories import make_case, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(message: ChatMessage, reader: User, moderator: User) -> Notice:
    """Of a strike."""
    case = report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM).case
    decide_case(
        actor=moderator, case_id=case.id, version=case.version, verdict=Verdict(decision=Decision.STRIKE)
    )
    return Notice.objects.get(user=message.author)


@pytest.fixture
def appeal(notice: Notice) -> Appeal:
    return appeal_decision(user=notice.user, notice_id=notice.id, words="It was a joke.")


class TestAppealing:
    def test_it_waits_for_a_second_moderator(self, notice: Notice, appeal: Appeal, moderator: User) -> None:
        assert (appeal.status, appeal.words) == (AppealStatus.OPEN, "It was a joke.")
        assert (appeal.appellant, appeal.first_decided_by) == (notice.user, moderator)
        assert list_appeals() == [appeal]

    def test_once(self, notice: Notice, appeal: Appeal) -> None:
        with pytest.raises(Conflict, match="already"):
            appeal_decision(user=notice.user, notice_id=notice.id, words="Please!")

    def test_with_words(self, notice: Notice) -> None:
        with pytest.raises(InvalidRequest, match="say why"):
            appeal_decision(user=notice.user, notice_id=notice.id, words=" ")

    def test_by_nobody_else(self, notice: Notice, reader: User) -> None:
        with pytest.raises(NotFound):
            appeal_decision(user=reader, notice_id=notice.id, words="x")
        own = Notice.objects.get(user=reader)
        with pytest.raises(InvalidRequest, match="nothing that you could appeal"):
            appeal_decision(user=reader, notice_id=own.id, words="x")

    def test_in_time(self, notice: Notice) -> None:
        Notice.objects.update(created_at=timezone.now() - timedelta(days=181))
        with pytest.raises(InvalidRequest, match="is over"):
            appeal_decision(user=notice.user, notice_id=notice.id, words="x")


class TestJudging:
    def test_overturned(self, appeal: Appeal, second: User, message: ChatMessage) -> None:
        judged = decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True, reason="A quote.")
        assert (judged.status, judged.decided_by) == (AppealStatus.OVERTURNED, second)
        message.refresh_from_db()
        assert not message.is_hidden
        assert Strike.objects.get().revoked_at is not None
        assert message.author is not None
        assert active_strikes(message.author.id) == 0
        assert Report.objects.get().outcome == "rejected"
        assert "A quote." in Notice.objects.filter(user=message.author).latest("created_at").body

    def test_upheld(self, appeal: Appeal, second: User, message: ChatMessage) -> None:
        decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=False)
        message.refresh_from_db()
        assert message.is_hidden
        assert message.author is not None
        assert active_strikes(message.author.id) == 1
        assert Report.objects.get().outcome == "upheld"
        assert list_appeals() == []

    def test_overturning_a_ban_lets_in_again(
        self, message: ChatMessage, moderator: User, second: User
    ) -> None:
        case = make_case(message)
        verdict = Verdict(decision=Decision.BAN, reason="Advertising")
        decide_case(actor=moderator, case_id=case.id, version=1, verdict=verdict)
        notice = Notice.objects.get()
        appeal = appeal_decision(user=notice.user, notice_id=notice.id, words="I do not sell anything.")
        decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True)
        assert not User.objects.get(id=notice.user.id).is_suspended

    def test_not_by_who_decided(self, appeal: Appeal, moderator: User) -> None:
        with pytest.raises(Forbidden, match="Another moderator"):
            decide_appeal(actor=moderator, appeal_id=appeal.id, version=1, overturn=False)

    def test_not_by_who_appeals(self, appeal: Appeal) -> None:
        assert appeal.appellant is not None
        set_role(user=appeal.appellant, role="moderator")
        with pytest.raises(Forbidden, match="your own appeal"):
            decide_appeal(actor=appeal.appellant, appeal_id=appeal.id, version=1, overturn=True)

    def test_the_database_holds_that_too(self, appeal: Appeal, moderator: User) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Appeal.objects.update(decided_by=moderator)

    def test_once(self, appeal: Appeal, second: User) -> None:
        decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=False)
        with pytest.raises(Conflict, match=f"{second.username} has decided this appeal already"):
            decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True)
        assert AuditEntry.objects.filter(action="appeal.decided").count() == 1

    def test_only_moderators_may(self, appeal: Appeal) -> None:
        with pytest.raises(Forbidden):
            decide_appeal(actor=make_user(), appeal_id=appeal.id, version=1, overturn=True)

    def test_the_case_tells(self, appeal: Appeal, second: User) -> None:
        decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True)
        events = Case.objects.get().events.order_by("id").values_list("kind", flat=True)
        assert list(events) == ["opened", "reported", "decided", "appealed", "appeal_decided"]
