from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat.models import Case, CaseEvent, CaseSource, CaseStatus, Report, Strike
from chat.selectors.moderation import (
    CaseFilters,
    active_strikes,
    case_context,
    find_case,
    list_cases,
    message_history,
    messages_around,
    user_history,
)
from tests.support.factories import make_case, make_message, make_notice, make_session, make_user

pytestmark = pytest.mark.django_db


class TestQueue:
    def test_the_most_urgent_first_page_by_page(self) -> None:
        session = make_session()
        urgencies = [1000, 4000, 2000, 2000, 3000, 1000]
        made = [make_case(make_message(session), priority=urgency) for urgency in urgencies]
        seen, after = list[Case](), None
        while True:
            page = list_cases(CaseFilters(), after_id=after, page_size=2)
            assert page.count == len(made)
            seen += page.cases
            if page.next_id is None:
                break
            after = page.next_id
        assert [case.id for case in seen] == [
            case.id for case in sorted(made, key=lambda case: (-case.priority, case.created_at))
        ]

    def test_decided_last(self) -> None:
        session, now = make_session(), timezone.now()
        made = [
            make_case(
                make_message(session),
                status=CaseStatus.DECIDED,
                decision="warn",
                decided_at=now - timedelta(hours=age),
            )
            for age in (2, 1, 3)
        ]
        make_case()
        filters = CaseFilters(status=CaseStatus.DECIDED)
        first = list_cases(filters, page_size=2)
        assert first.cases == [made[1], made[0]]
        assert list_cases(filters, after_id=first.next_id, page_size=2).cases == [made[2]]

    def test_filters(self) -> None:
        me, session = make_user(), make_session()
        mine = make_case(
            make_message(session), status="claimed", claimed_at=timezone.now(), assignee=me, severity=4
        )
        ruled = make_case(source=CaseSource.RULE)
        for filters, expected in (
            (CaseFilters(assignee_id=me.id), [mine]),
            (CaseFilters(source=CaseSource.RULE), [ruled]),
            (CaseFilters(severity=4), [mine]),
            (CaseFilters(subject_id=session.owner.id), [mine]),
            (CaseFilters(status=CaseStatus.OPEN), [ruled]),
        ):
            assert list_cases(filters).cases == expected

    def test_queries_do_not_grow(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        session = make_session()
        last, *_ = [make_case(make_message(session)) for _ in range(20)]
        with django_assert_num_queries(3):
            page = list_cases(CaseFilters(), after_id=last.id)
            assert [(case.subject, case.assignee, case.session) for case in page.cases]


class TestContext:
    def test_a_small_window_around_the_message(self) -> None:
        session = make_session()
        said = [make_message(session, str(number)) for number in range(9)]
        assert messages_around(said[4], size=2) == said[2:7]
        assert messages_around(said[0], size=2) == said[:3]
        assert messages_around(said[8], size=2) == said[6:]

    def test_everything_to_decide_by(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        session = make_session()
        case = make_case(make_message(session, "Bad"))
        before = make_case(
            case.message, subject=None, status="decided", decision="dismiss", decided_at=timezone.now()
        )
        earlier = make_case(
            make_message(session), status="decided", decision="warn", decided_at=timezone.now()
        )
        Report.objects.create(case=case, message=case.message, reporter=make_user(), kind="spam", words="!")
        CaseEvent.objects.create(case=case, kind="opened")
        Strike.objects.create(user=session.owner, case=earlier)
        with django_assert_num_queries(9):
            found = find_case(case.id)
            assert found is not None
            context = case_context(found)
        assert context.window[0].content == "Bad"
        assert [report.words for report in context.reports] == ["!"]
        assert (context.earlier, context.strikes) == ([earlier], 1)
        assert context.same_message == [before]

    def test_of_a_message_that_is_gone(self) -> None:
        case = make_case()
        assert case.message is not None
        case.message.delete()
        found = find_case(case.id)
        assert found is not None
        assert (case_context(found).window, found.evidence) == ([], "Hello")


class TestHistories:
    def test_of_a_person(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        notice = make_notice(make_user())
        Report.objects.create(case=make_case(), reporter=notice.user, kind="spam", outcome="upheld")
        with django_assert_num_queries(4):
            history = user_history(notice.user)
        assert (history.cases, history.notices) == ([notice.case], [notice])
        assert history.reports == {"pending": 0, "upheld": 1, "rejected": 0}

    def test_of_a_message(self) -> None:
        case = make_case()
        make_case()
        assert case.message_id is not None
        assert message_history(case.message_id) == [case]

    def test_strikes_that_ran_out_count_no_more(self) -> None:
        user = make_user()
        Strike.objects.create(user=user, case=make_case())
        Strike.objects.create(user=user, case=make_case(), expires_at=timezone.now() - timedelta(days=1))
        Strike.objects.create(user=user, case=make_case(), revoked_at=timezone.now())
        assert active_strikes(user.id) == 1
