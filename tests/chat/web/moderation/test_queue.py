"""The queue's pages, as moderators use them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import (
    AuditEntry,
    Case,
    CaseSource,
    ChatSession,
    Decision,
    Notice,
    NoticeTemplate,
    Severity,
    User,
)
from chat.services.accounts import create_user
from chat.services.moderation.appeals import appeal_decision
from chat.services.moderation.cases import Verdict, claim_case, decide_case
from chat.services.moderation.keeping_out import keep_out
from chat.services.moderation.opening import open_case
from tests.support.factories import make_case, make_message, make_session, make_user

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


@pytest.fixture
def colleague(db: None) -> User:
    """A second moderator."""
    return create_user(username="cora", password="secret", role="moderator")


@pytest.fixture
def session() -> ChatSession:
    """A conversation of nine messages, said one after the other."""
    found = make_session(make_user(username="ada"))
    for number in range(9):
        make_message(found, f"words {number}.")
    return found


@pytest.fixture
def case(session: ChatSession) -> Case:
    """About the fifth of them."""
    return make_case(session.messages.get(content="words 4."), summary="spam")


def page(client: Client, name: str, *args: Any, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def decide(client: Client, case: Case, **fields: Any) -> str:
    given = {"decision": "hide", "reason": "Advertising.", "version": case.version} | fields
    answer = client.post(reverse("decide_case", args=[case.id]), given, follow=True)
    return str(answer.content.decode())


def messages_of(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def test_the_queue_is_filtered(moderating: Client, moderator: User, case: Case) -> None:
    make_case(summary="worse", severity=Severity.CRITICAL, priority=4000)
    everything = page(moderating, "queue")
    assert everything.index(">Worse<") < everything.index(">Spam<")
    assert ">Spam<" not in page(moderating, "queue", severity="4")
    assert ">Spam<" not in page(moderating, "queue", mine="on")
    claim_case(actor=moderator, case_id=case.id)
    assert "claimed by mo" in page(moderating, "queue", mine="on")
    assert ">Spam<" not in page(moderating, "queue", status="decided")
    assert ">Spam<" in page(moderating, "queue", status="nonsense", after="nonsense", severity="x")


def test_a_page_leads_to_the_next(moderating: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(51):
        make_case(make_message(make_session(), "x"), summary=f"case {number}", priority=number)
    first = moderating.get(reverse("queue"))
    assert ">Case 1<" in first.content.decode()
    assert ">Case 0<" not in first.content.decode()
    assert ">Case 0<" in moderating.get(first.context["more"]).content.decode()


def test_a_full_queue_costs_no_more_queries(moderating: Client, case: Case) -> None:
    with CaptureQueriesContext(connection) as few:
        page(moderating, "queue")
    for _ in range(10):
        make_case()
    with CaptureQueriesContext(connection) as many:
        page(moderating, "queue")
    assert len(many) == len(few) <= MOST_QUERIES


def test_a_case_shows_two_messages_before_and_after_and_leaves_one_entry(
    moderating: Client, case: Case
) -> None:
    shown = page(moderating, "case", case.id)
    for number in range(9):
        assert (f"words {number}." in shown) == (2 <= number <= 6)
    page(moderating, "case", case.id)
    assert actions() == ["case.read"]


def test_claim_decide_and_one_entry_each(moderating: Client, case: Case) -> None:
    url = reverse("claim_case", args=[case.id])
    assert "The case is yours." in moderating.post(url, follow=True).content.decode()
    case.refresh_from_db()
    assert "The case is decided." in decide(moderating, case)
    case.refresh_from_db()
    assert (case.decision, case.message and case.message.is_hidden) == ("hide", True)
    assert actions().count("case.decided") == 1
    assert Notice.objects.filter(user=case.subject).count() == 1


def test_a_case_is_given_back(moderating: Client, moderator: User, case: Case) -> None:
    claim_case(actor=moderator, case_id=case.id)
    moderating.post(reverse("claim_case", args=[case.id]), {"release": "yes"})
    case.refresh_from_db()
    assert case.assignee is None


def test_who_comes_second_is_told_plainly(moderating: Client, colleague: User, case: Case) -> None:
    decide_case(
        actor=colleague, case_id=case.id, version=case.version, verdict=Verdict(decision=Decision.DISMISS)
    )
    assert "cora has decided this case already" in decide(moderating, case)
    assert actions().count("case.decided") == 1


def test_a_colleagues_case_is_theirs(moderating: Client, colleague: User, case: Case) -> None:
    claim_case(actor=colleague, case_id=case.id)
    assert "cora has claimed this case." in page(moderating, "case", case.id)
    answer = moderating.post(reverse("claim_case", args=[case.id]), follow=True)
    assert "cora has claimed this case." in answer.content.decode()


def test_a_template_speaks_in_the_notice(moderating: Client, case: Case) -> None:
    template = NoticeTemplate.objects.create(
        name="kind", decision=Decision.HIDE, title="Hello", body="So: $reason"
    )
    assert "Hide: kind" in page(moderating, "case", case.id)
    decide(moderating, case, template=str(template.id))
    notice = Notice.objects.get(user=case.subject)
    assert (notice.title, notice.body) == ("Hello", "So: Advertising.")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"decision": ""}, "Decision: This field is required."),
        ({"version": ""}, "This case has changed meanwhile"),
        ({"decision": "suspend"}, "Suspension or strike for: Say how long."),
        ({"decision": "ban", "reason": ""}, "Reason: Say why."),
        ({"decision": "ban", "days": "7"}, "Suspension or strike for: A ban has no end"),
    ],
    ids=["none", "no version", "no end", "no reason", "an end too many"],
)
def test_half_a_decision_is_none(moderating: Client, case: Case, fields: Any, problem: str) -> None:
    assert problem in decide(moderating, case, **fields)
    assert "case.decided" not in actions()


def test_who_was_too_late_keeps_their_words(moderating: Client, colleague: User, case: Case) -> None:
    claim_case(actor=colleague, case_id=case.id)
    shown = decide(moderating, case, reason="A long story.")
    assert "cora has claimed this case." in shown
    assert "A long story.</textarea>" in shown
    assert f'name="version" value="{case.version + 1}"' in shown


def test_a_case_about_oneself_is_for_others(moderating: Client, moderator: User) -> None:
    own = make_case(make_message(make_session(moderator)))
    for answer in (
        moderating.get(reverse("case", args=[own.id])),
        moderating.post(reverse("decide_case", args=[own.id]), {"decision": "dismiss", "version": 1}),
    ):
        assert answer.status_code == 403
        assert "Another moderator has to decide a case about yourself." in answer.content.decode()
    assert "case.read" not in actions()


def test_history_says_who_found_what(moderating: Client, case: Case) -> None:
    assert case.message is not None
    open_case(message=case.message, source=CaseSource.RULE, severity=Severity.LOW, summary="ads & more")
    open_case(message=case.message, source=CaseSource.CLASSIFIER, severity=Severity.HIGH, score=0.914)
    shown = page(moderating, "case", case.id)
    assert "A rule: ads &amp; more" in shown
    assert "Guard model: 91 of 100" in shown


def test_a_suspension_has_an_end(moderating: Client, case: Case) -> None:
    decide(moderating, case, decision="suspend", days="7")
    person = User.objects.get(username="ada")
    assert person.is_suspended
    assert "suspended" in page(moderating, "person", person.id).lower()
    assert '<span class="badge is-held">Suspended</span>' in page(moderating, "case", case.id)
    own = keep_out(user=make_user(), reason="Spam.")
    assert "<h1>Of a moderator's own accord</h1>" in page(moderating, "case", own.id)


def test_many_at_once(moderating: Client, colleague: User, case: Case) -> None:
    other, taken = make_case(), make_case()
    claim_case(actor=colleague, case_id=taken.id)
    chosen = [f"{each.id}:{each.version}" for each in (case, other, taken)]
    fields = {"case": [*chosen, "nonsense", f"{uuid4()}:x"], "decision": "dismiss", "reason": ""}
    answer = moderating.post(reverse("decide_cases"), fields, follow=True).content.decode()
    assert "2 decided." in answer
    assert f"Case {str(taken.id)[:8]}: " in answer
    assert actions().count("case.decided") == 2
    assert "Choose cases" in moderating.post(reverse("decide_cases"), {}, follow=True).content.decode()
    nothing = moderating.post(reverse("decide_cases"), {"case": chosen}, follow=True)
    assert "Decision: This field is required." in nothing.content.decode()


@pytest.mark.parametrize(
    ("given", "back"),
    [("/moderation/?severity=1", "/moderation/?severity=1"), ("https://example.org/", "/moderation/")],
)
def test_many_at_once_lead_back_to_where_they_were_chosen(
    moderating: Client, case: Case, given: str, back: str
) -> None:
    shown = page(moderating, "queue", source="report")
    assert 'name="next" value="/moderation/?source=report"' in shown
    fields = {"case": [f"{case.id}:{case.version}"], "decision": "dismiss", "next": given}
    assert moderating.post(reverse("decide_cases"), fields)["Location"] == back


def test_many_refused_keep_what_was_chosen_and_written(
    moderating: Client, colleague: User, case: Case
) -> None:
    taken, unseen = make_case(), make_case(severity=Severity.LOW)
    claim_case(actor=colleague, case_id=taken.id)
    given = {"next": "/moderation/?severity=2", "reason": "A long story.", "case": []}

    def send(*cases: Case, **fields: str) -> str:
        chosen = [f"{each.id}:{each.version}" for each in cases]
        answer = moderating.post(reverse("decide_cases"), given | {"case": chosen} | fields)
        assert answer.status_code == (409 if taken in cases else 400)
        return str(answer.content.decode())

    for shown in (send(), send(case), send(case, decision="suspend")):
        assert 'value="A long story."' in shown
        assert 'name="next" value="/moderation/?severity=2"' in shown
        assert str(unseen.id) not in shown
    assert shown.count(" checked") == 1
    shown = send(case, taken, decision="dismiss")
    assert "1 decided." in shown
    assert "cora has claimed this case." in shown
    assert 'value="A long story."' in shown
    assert f'value="{taken.id}:2" aria-labelledby="what-{taken.id}" checked' in shown


def test_an_appeal_goes_to_a_second_moderator(
    moderating: Client, moderator: User, colleague: User, case: Case
) -> None:
    decide(moderating, case)
    notice = Notice.objects.get(user=case.subject)
    appeal = appeal_decision(user=notice.user, notice_id=notice.id, words="I quoted.")
    assert "I quoted." in page(moderating, "appeals")
    assert "Another moderator has to judge" in page(moderating, "case", case.id)
    url = reverse("judge_appeal", args=[case.id, appeal.id])
    answer = moderating.post(url, {"version": appeal.version, "overturn": "yes"}, follow=True)
    assert "Another moderator has to judge" in answer.content.decode()
    assert messages_of(moderating.post(url, {"version": 1, "reason": "x" * 4001})) == [
        "Reason: Ensure this value has at most 4000 characters (it has 4001)."
    ]
    second = Client()
    second.force_login(colleague)
    assert "Take the decision back" in page(second, "case", case.id)
    late = second.post(url, {"version": 7, "overturn": "yes", "reason": "A quotation."})
    assert messages_of(late) == ["This appeal has changed meanwhile: look at it again."]
    assert "A quotation.</textarea>" in late.content.decode()
    second.post(url, {"version": appeal.version, "overturn": "yes", "reason": "A quotation."})
    case.refresh_from_db()
    assert case.message is not None
    assert not case.message.is_hidden
    assert actions().count("appeal.decided") == 1
    assert "A quotation." in page(moderating, "case", case.id)


def test_what_does_not_exist_is_not_found(moderating: Client) -> None:
    for name in ("case", "person"):
        assert moderating.get(reverse(name, args=[uuid4()])).status_code == 404


def test_a_deleted_message_leaves_its_words_to_the_case(moderating: Client, case: Case) -> None:
    session = case.session
    assert session is not None
    session.messages.filter(content="words 4.").delete()
    shown = page(moderating, "case", case.id)
    assert "The message is gone. It said:" in shown
    assert "words 4." in shown
