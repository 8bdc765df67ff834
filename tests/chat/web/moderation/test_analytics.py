"""The pages of figures: for whom, and how much they cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Generation, GenerationStatus
from chat.services.usage import count_usage
from tests.support.factories import make_generation, make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def slow() -> list[Generation]:
    """Two slow replies of one session."""
    session = make_session(make_user(username="ada"), title="a secret title")
    metrics = {"queue_ms": 5, "ttft_ms": 700, "response_time_ms": 9000, "tokens_per_second": 2.5}
    fields: dict[str, Any] = {"status": GenerationStatus.SUCCEEDED, "finished_at": timezone.now()}
    return [make_generation(session, metrics=metrics, completion_tokens=1234, **fields) for _ in range(2)]


@pytest.mark.parametrize("period", ["", "?period=week", "?period=month", "?period=nonsense"])
def test_it_draws_and_recommends(
    moderating: Client, slow: list[Generation], period: str, django_assert_max_num_queries: Any
) -> None:
    count_usage()
    with django_assert_max_num_queries(15):
        page = moderating.get(reverse("analytics") + period).content.decode()
    for shown in (
        "<rect",
        "<polyline",
        "2,468",
        ">ada</th>",
        ">high<",
        "2.5 tokens per second",
        str(slow[0].id),
    ):
        assert shown in page, shown
    assert "style=" not in page.split("<main")[1]


def test_a_session_has_a_report_that_says_nothing_of_what_was_said(
    moderating: Client, slow: list[Generation]
) -> None:
    page = moderating.get(reverse("session_report", args=[slow[0].session_id])).content.decode()
    assert "longer than 5 s" in page
    assert "a secret title" not in page
    assert moderating.get(reverse("session_report", args=[slow[0].id])).status_code == 404


@pytest.mark.parametrize("name", ["analytics", "session_report"])
def test_others_do_not_see_it(slow: list[Generation], name: str) -> None:
    url = reverse(name, args=[slow[0].session_id] if name == "session_report" else [])
    assert Client().get(url).status_code == 302
    client = Client()
    client.force_login(slow[0].user)
    assert client.get(url).status_code == 403


def test_with_nothing_in_it_it_says_so(moderating: Client) -> None:
    page = moderating.get(reverse("analytics")).content.decode()
    assert "None yet." in page
    assert "Nothing: replies are fast" in page
