from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from chat.models import (
    AuditEntry,
    Case,
    CaseStatus,
    ChatMessage,
    Decision,
    Notice,
    NoticeTemplate,
    Report,
    ReportKind,
    Strike,
    Suspension,
    User,
)
from chat.selectors.moderation import case_history
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.holds import place_hold
from chat.services.moderation.cases import Verdict, claim_case, decide_case, decide_cases, release_case
from chat.services.moderation.reports import report_message
from tests.chat.services.moderation.conftest import make_moderator
from tests.support.factories import make_case, make_message, make_session, make_user
from tests.support.locks import somebody_waits
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(message: ChatMessage, reader: User) -> Case:
    return report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM).case


def decide(case: Case, actor: User, decision: Decision = Decision.DISMISS, **fields: Any) -> Case:
    verdict = Verdict(decision=decision, **fields)
    return decide_case(actor=actor, case_id=case.id, version=case.version, verdict=verdict)


class TestClaiming:
    def test_a_claimed_case_is_its_moderators(self, case: Case, moderator: User, second: User) -> None:
        claimed = claim_case(actor=moderator, case_id=case.id)
        assert (claimed.status, claimed.assignee) == (CaseStatus.CLAIMED, moderator)
        assert claim_case(actor=moderator, case_id=case.id).version == claimed.version
        with pytest.raises(Conflict, match=f"{moderator.username} has claimed this case"):
            claim_case(actor=second, case_id=case.id)
        with pytest.raises(Conflict, match="has claimed") as refused:
            decide(claimed, second)
        assert refused.value.code == "case_claimed"

    def test_a_released_case_is_anybodys(self, case: Case, moderator: User, second: User) -> None:
        claim_case(actor=moderator, case_id=case.id)
        released = release_case(actor=moderator, case_id=case.id)
        assert (released.status, released.assignee, released.claimed_at) == (CaseStatus.OPEN, None, None)
        assert claim_case(actor=second, case_id=case.id).assignee == second
        kinds = [event.kind for event in case_history(case)]
        assert kinds == ["opened", "reported", "claimed", "released", "claimed"]

    def test_a_decided_case_cannot_be_claimed(self, case: Case, moderator: User) -> None:
        decide(case, moderator)
        for change in (claim_case, release_case):
            with pytest.raises(Conflict, match="decided this case already"):
                change(actor=moderator, case_id=case.id)

    def test_unknown_cases(self, moderator: User) -> None:
        with pytest.raises(NotFound):
            claim_case(actor=moderator, case_id=uuid4())


class TestDeciding:
    def test_dismissed(self, case: Case, moderator: User, reader: User, message: ChatMessage) -> None:
        decided = decide(case, moderator, reason=" Nothing wrong. ")
        assert (decided.status, decided.decision) == (CaseStatus.DECIDED, Decision.DISMISS)
        assert (decided.decided_by, decided.reason) == (moderator, "Nothing wrong.")
        assert Report.objects.get().outcome == "rejected"
        message.refresh_from_db()
        assert not message.is_hidden
        (notice,) = Notice.objects.all()
        assert notice.user == reader
        assert not notice.is_appealable

    def test_hidden(self, case: Case, moderator: User, message: ChatMessage) -> None:
        decide(case, moderator, Decision.HIDE, reason="Advertising")
        message.refresh_from_db()
        assert message.is_hidden
        assert Report.objects.get().outcome == "upheld"
        notice = Notice.objects.get(user=message.author)
        assert notice.is_appealable
        assert "Advertising" in notice.body

    def test_deleted(self, case: Case, moderator: User, message: ChatMessage) -> None:
        decide(case, moderator, Decision.DELETE)
        assert not ChatMessage.objects.filter(id=message.id).exists()
        case.refresh_from_db()
        assert (case.message, case.evidence, case.subject) == (None, "", message.author)

    @pytest.mark.parametrize("held", ["author", "owner", "session"])
    def test_nothing_is_deleted_that_is_held(self, moderator: User, message: ChatMessage, held: str) -> None:
        author, session = make_user(), message.session
        ChatMessage.objects.filter(id=message.id).update(author=author)
        case = make_case(message, subject=author)
        people = {"author": author, "owner": session.owner}
        place_hold(reason="court", user=people.get(held), session=None if held in people else session)
        with pytest.raises(Conflict, match="on legal hold: hide it instead") as refused:
            decide(case, moderator, Decision.DELETE)
        assert refused.value.code == "legal_hold"
        case.refresh_from_db()
        assert (case.is_decided, case.message, case.evidence) == (False, message, message.content)
        assert decide(case, moderator, Decision.HIDE).is_decided

    def test_what_a_case_keeps_of_a_message_is_held_too(self, case: Case, moderator: User) -> None:
        place_hold(reason="court", user=case.subject)
        ChatMessage.objects.all().delete()
        with pytest.raises(Conflict, match="on legal hold"):
            decide(case, moderator, Decision.DELETE)

    def test_warned(self, case: Case, moderator: User, message: ChatMessage) -> None:
        decide(case, moderator, Decision.WARN)
        message.refresh_from_db()
        assert not message.is_hidden
        assert Notice.objects.get(user=message.author).title == "A warning"

    def test_struck(self, case: Case, moderator: User, message: ChatMessage) -> None:
        until = timezone.now() + timedelta(days=30)
        decide(case, moderator, Decision.STRIKE, until=until)
        strike = Strike.objects.get()
        assert (strike.user, strike.case, strike.expires_at) == (message.author, case, until)
        message.refresh_from_db()
        assert message.is_hidden

    @pytest.mark.parametrize("decision", [Decision.SUSPEND, Decision.BAN])
    def test_kept_out(self, case: Case, moderator: User, message: ChatMessage, decision: Decision) -> None:
        until = timezone.now() + timedelta(days=3) if decision == Decision.SUSPEND else None
        decide(case, moderator, decision, reason="Advertising", until=until)
        user = User.objects.get(messages=message)
        assert (user.is_suspended, user.suspended_until) == (True, until)
        assert user.suspension_reason == "Advertising"

    def test_a_colleague_is_not_kept_out(self, moderator: User, second: User) -> None:
        case = make_case(make_message(make_session(second)))
        with pytest.raises(Forbidden):
            decide(case, moderator, Decision.BAN, reason="Advertising")
        case.refresh_from_db()
        assert not case.is_decided

    def test_one_about_a_moderator_is_for_another(self, moderator: User, second: User) -> None:
        case = make_case(make_message(make_session(moderator)))
        with pytest.raises(Forbidden, match="about yourself"):
            decide(case, moderator)
        with pytest.raises(Forbidden, match="about yourself"):
            claim_case(actor=moderator, case_id=case.id)
        case.refresh_from_db()
        assert case.status == CaseStatus.OPEN
        assert decide(case, second).is_decided
        moderator.is_superuser = True
        assert decide(make_case(make_message(make_session(moderator))), moderator).is_decided

    def test_nobody_is_let_in_sooner(self, moderator: User) -> None:
        author, now = make_user(), timezone.now()
        first, shorter, longer, banned, late = (
            make_case(make_message(make_session(author))) for _ in range(5)
        )
        decide(first, moderator, Decision.SUSPEND, reason="x", until=now + timedelta(days=7))
        with pytest.raises(Conflict, match=f"{author.username} is kept out for longer already"):
            decide(shorter, moderator, Decision.SUSPEND, reason="x", until=now + timedelta(days=1))
        decide(longer, moderator, Decision.SUSPEND, reason="x", until=now + timedelta(days=30))
        decide(banned, moderator, Decision.BAN, reason="x")
        with pytest.raises(Conflict, match="for longer"):
            decide(late, moderator, Decision.SUSPEND, reason="x", until=now + timedelta(days=365))
        author.refresh_from_db()
        assert (author.suspension, author.suspended_until) == (Suspension.BANNED, None)

    def test_nobody_is_struck_who_is_gone(self, moderator: User) -> None:
        case = make_case(subject=None)
        with pytest.raises(InvalidRequest, match="gone"):
            decide(case, moderator, Decision.STRIKE)
        assert decide(case, moderator, Decision.HIDE).is_decided

    def test_exactly_one_audit_row_each(self, case: Case, moderator: User, second: User) -> None:
        decide(case, moderator, Decision.HIDE, reason="Advertising")
        with pytest.raises(Conflict):
            decide(case, second, Decision.HIDE)
        entry = AuditEntry.objects.get(action="case.decided")
        assert (entry.actor_id, entry.subject_id) == (moderator.id, str(case.id))
        assert "hide" in entry.details

    def test_a_template_gives_the_words(self, case: Case, moderator: User) -> None:
        template = NoticeTemplate.objects.create(
            name="ads", decision=Decision.HIDE, title="About $decision", body="Because: $reason. It costs $5."
        )
        decide(case, moderator, Decision.HIDE, reason="ads", template_id=template.id)
        notice = Notice.objects.get(is_appealable=True)
        assert (notice.title, notice.body) == ("About Hide", "Because: ads. It costs $5.")

    def test_the_default_template(self, case: Case, moderator: User) -> None:
        NoticeTemplate.objects.create(
            name="usual", decision=Decision.WARN, title="Careful", body="!", is_default=True
        )
        decide(case, moderator, Decision.WARN)
        assert Notice.objects.get(is_appealable=True).title == "Careful"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"decision": Decision.SUSPEND, "reason": "x"}, "until"),
            ({"decision": Decision.BAN}, "reason"),
            ({"decision": Decision.STRIKE, "until": timezone.now() - timedelta(days=1)}, "until"),
            ({"decision": Decision.WARN, "reason": "x" * 5000}, "reason"),
        ],
    )
    def test_verdicts_that_are_refused(
        self, case: Case, moderator: User, fields: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(InvalidRequest) as refused:
            decide(case, moderator, **fields)
        assert refused.value.field == field
        case.refresh_from_db()
        assert not case.is_decided

    def test_a_template_of_another_decision(self, case: Case, moderator: User) -> None:
        template = NoticeTemplate.objects.create(name="x", decision=Decision.WARN, title="x", body="x")
        with pytest.raises(NotFound):
            decide(case, moderator, Decision.HIDE, template_id=template.id)


class TestTwoModerators:
    def test_the_second_hears_who_was_faster(self, case: Case, moderator: User, second: User) -> None:
        decide(case, moderator, Decision.WARN)
        with pytest.raises(Conflict, match=f"{moderator.username} has decided this case already") as refused:
            decide(case, second, Decision.HIDE)
        assert refused.value.code == "case_decided"
        assert Case.objects.get().decision == Decision.WARN

    def test_nobody_decides_on_what_they_have_not_seen(
        self, case: Case, moderator: User, message: ChatMessage
    ) -> None:
        owner = message.session.owner
        assert owner is not None
        report_message(user=owner, message_id=message.id, kind=ReportKind.ILLEGAL)
        with pytest.raises(Conflict) as refused:
            decide(case, moderator)
        assert refused.value.code == "case_changed"

    @pytest.mark.django_db(transaction=True)
    def test_at_once_one_wins(self) -> None:
        case = make_case()
        moderators = [make_moderator() for _ in range(4)]
        barrier, outcomes = threading.Barrier(len(moderators)), list[str]()

        def race(actor: User) -> None:
            barrier.wait()
            try:
                decide(case, actor, Decision.HIDE)
                outcomes.append("won")
            except Conflict as conflict:
                outcomes.append(conflict.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=race, args=(actor,)) for actor in moderators]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["case_decided"] * 3 + ["won"]
        assert AuditEntry.objects.filter(action="case.decided").count() == 1
        assert Notice.objects.filter(is_appealable=True).count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_a_report_that_was_first_goes_before_a_decision(self) -> None:
        message = make_message(make_session())
        case, moderator = make_case(message), make_moderator()

        def decide_late() -> None:
            try:
                decide(case, moderator, Decision.HIDE)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                ChatMessage.objects.select_for_update().get(id=message.id)
                late = pool.submit(decide_late)
                if connection.vendor == "postgresql":  # SQLite lets the second one begin no transaction
                    wait_until(somebody_waits, what="the decision waiting")
                report_message(user=message.session.owner, message_id=message.id, kind=ReportKind.SPAM)
            with pytest.raises(Conflict, match="changed meanwhile"):
                late.result()


class TestBulk:
    def test_what_one_refuses_does_not_stop_the_rest(self, moderator: User, second: User) -> None:
        session = make_session()
        cases = [make_case(make_message(session)) for _ in range(3)]
        decide(cases[1], second)
        result = decide_cases(
            actor=moderator,
            cases=[(case.id, 1) for case in cases],
            verdict=Verdict(decision=Decision.HIDE),
        )
        assert result.decided == [cases[0].id, cases[2].id]
        assert "decided this case already" in result.refused[cases[1].id]
        assert AuditEntry.objects.filter(action="case.decided", actor_id=moderator.id).count() == 2

    def test_too_many(self, moderator: User) -> None:
        many = [(UUID(int=number), 1) for number in range(201)]
        with pytest.raises(InvalidRequest):
            decide_cases(actor=moderator, cases=many, verdict=Verdict(decision=Decision.HIDE))


def test_only_moderators_may(case: Case) -> None:
    for user in (make_user(), make_user(is_staff=True)):
        with pytest.raises(Forbidden):
            claim_case(actor=user, case_id=case.id)
        with pytest.raises(Forbidden):
            release_case(actor=user, case_id=case.id)
        with pytest.raises(Forbidden):
            decide(case, user)
        with pytest.raises(Forbidden):
            decide_cases(actor=user, cases=[], verdict=Verdict(decision=Decision.HIDE))


@pytest.mark.parametrize(
    "values",
    [
        {"status": "decided"},
        {"decision": "hide"},
        {"status": "claimed"},
        {"severity": 9},
        {"status": "strange"},
    ],
)
def test_the_database_refuses_nonsense(values: dict[str, Any]) -> None:
    case = make_case()
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.filter(id=case.id).update(**values)


def test_the_database_holds_one_open_case_per_message(case: Case, message: ChatMessage) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_case(message)
