"""Chat panels on pages of other sites."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import Client

from chat.admin.panels import OriginsField
from chat.models import ChatSession, Panel, User, Visitor
from chat.selectors.limits import limits_of
from chat.services.panels import purge_visitors
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db

SITE = "https://shop.example"


@pytest.fixture
def panel() -> Panel:
    return Panel.objects.create(
        owner=make_user(is_superuser=True),
        name="Help",
        system_prompt="Be kind.",
        opening="What can I do for you?",
        allowed_origins=[SITE],
    )


def ask(panel: Panel, path: str, token: str = "", method: str = "POST") -> Any:
    headers = {"X-Panel-Token": token}
    return Client().generic(method, f"/embed/{panel.id}/{path}", headers=headers)


def test_only_allowed_origins_may_frame_it(panel: Panel) -> None:
    page = Client().get(f"/embed/{panel.id}/")
    assert f"frame-ancestors {SITE}" in page["Content-Security-Policy"]
    assert "'none'" not in page["Content-Security-Policy"].partition("frame-ancestors")[2].partition(";")[0]
    assert "X-Frame-Options" not in page
    assert not page.cookies
    Panel.objects.update(allowed_origins=[])
    assert "frame-ancestors 'none'" in Client().get(f"/embed/{panel.id}/")["Content-Security-Policy"]
    assert Client().get("/accounts/login/")["X-Frame-Options"] == "DENY"


def test_a_visitor_gets_a_temporary_chat_of_their_own(panel: Panel) -> None:
    visit = ask(panel, "visit/").json()
    session = ChatSession.objects.get(id=visit["page"]["session_id"])
    assert (session.is_temporary, session.system_prompt) == (True, "Be kind.")
    [opening] = visit["page"]["transcript"]["messages"]
    assert (opening["role"], opening["content"]) == ("assistant", "What can I do for you?")
    again = ask(panel, "visit/", visit["token"]).json()
    assert again["page"]["session_id"] == visit["page"]["session_id"]
    other = ask(panel, "visit/").json()
    assert other["page"]["session_id"] != visit["page"]["session_id"]
    said = ask(panel, "transcript/", visit["token"], "GET").json()
    assert said["messages"] == visit["page"]["transcript"]["messages"]


def test_a_token_opens_nothing_else(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.web.panels.issue_ticket", lambda user_id: f"for {user_id}")
    token = ask(panel, "visit/").json()["token"]
    visitor = Visitor.objects.get()
    assert ask(panel, "ticket/", token).json() == {"ticket": f"for {visitor.user_id}"}
    elsewhere = Panel.objects.create(owner=panel.owner, name="Other")
    for wrong, where in (("", panel), (token + "x", panel), (token, elsewhere)):
        assert ask(where, "ticket/", wrong).status_code == 401
        assert ask(where, "transcript/", wrong, "GET").status_code == 401
    bearer = Client(headers={"Authorization": f"Bearer {token}"})
    assert bearer.get("/api/v1/chat/sessions").status_code == 401
    assert not visitor.user.has_usable_password()


def test_a_panel_that_is_switched_off_is_not_there(panel: Panel) -> None:
    token = ask(panel, "visit/").json()["token"]
    Panel.objects.update(is_enabled=False)
    assert ask(panel, "", method="GET").status_code == 404
    for path in ("visit/", "ticket/"):
        assert ask(panel, path, token).status_code == 404


def test_guests_are_limited_and_leave_with_their_chat(panel: Panel) -> None:
    ask(panel, "visit/")
    guest = Visitor.objects.get().user
    limits = limits_of(guest)
    assert (limits.tokens_per_day, limits.max_running) == (20_000, 1)
    assert Group.objects.get(name="guests").user_set.get() == guest
    assert purge_visitors() == 0
    ChatSession.objects.all().delete()
    assert purge_visitors() == 1
    assert list(User.objects.all()) == [panel.owner]


def test_the_script_keeps_its_address() -> None:
    answer = Client().get("/embed.js")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/javascript")


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/x", "https://a b", "*", "data:", "https://x; y"]
)
def test_an_origin_is_a_scheme_and_a_host(origin: str) -> None:
    with pytest.raises(ValidationError):
        OriginsField().clean(origin)


def test_origins_are_given_line_by_line() -> None:
    given = "https://shop.example\n\n http://127.0.0.1:8080 "
    assert OriginsField().clean(given) == ["https://shop.example", "http://127.0.0.1:8080"]
