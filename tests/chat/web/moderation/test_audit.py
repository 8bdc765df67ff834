"""The page of the audit log."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chat.models import User
from chat.services.audit import record
from tests.support.factories import make_case

pytestmark = pytest.mark.django_db


def page(client: Client, **query: Any) -> str:
    answer = client.get(reverse("audit"), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_it_is_filtered_by_who_what_and_about_what(administrating: Client, moderator: User) -> None:
    case = make_case()
    record(actor=moderator, action="case.decided", subject=case, details={"reason": "Spam <b>"})
    record(actor=None, action="backup.made")
    assert "Spam &lt;b&gt;" in page(administrating)
    for query in ({"actor": "mo"}, {"action": "case.decided"}, {"subject": str(case.id)}):
        shown = page(administrating, **query)
        assert reverse("case", args=[case.id]) in shown
        assert '<span class="badge">backup.made' not in shown
    assert "There are no such entries." in page(administrating, actor="nobody")


def test_details_that_say_nothing_leave_no_dot(administrating: Client, moderator: User) -> None:
    record(
        actor=moderator, action="case.decided", details={"decision": "dismiss", "reason": "", "days": None}
    )
    assert '<td class="muted">decision: dismiss</td>' in page(administrating)


def test_a_page_leads_to_the_older_ones(administrating: Client) -> None:
    for _ in range(51):
        record(actor=None, action="backup.made")
    first = administrating.get(reverse("audit"))
    assert [entry.number for entry in first.context["page"].entries] == list(range(51, 1, -1))
    second = administrating.get(f"{reverse('audit')}{first.context['more']}")
    assert [entry.number for entry in second.context["page"].entries] == [1]
    assert second.context["more"] == ""
    assert administrating.get(reverse("audit"), {"before": "x"}).status_code == 200
