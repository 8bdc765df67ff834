"""Chat panels on pages of other sites."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import Client

from chat.admin.panels import OriginsField, PanelAdmin
from chat.models import ChatSession, Panel, User, Visitor
from chat.selectors.limits import limits_of
from chat.services.accounts import create_user, delete_account
from chat.services.errors import Unavailable
from chat.services.holds import place_hold
from chat.services.panels import delete_panel, purge_visitors
from chat.services.ratelimit import Bucket, Quota, Verdict
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
    purge_visitors()
    assert Visitor.objects.exists()
    ChatSession.objects.all().delete()
    purge_visitors()
    assert list(User.objects.all()) == [panel.owner]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The sessions whose sockets were closed."""
    ids: list[UUID] = []
    for place in ("panels", "accounts.deleting"):
        monkeypatch.setattr(
            f"chat.services.{place}.close_sockets", lambda *, session_id, code: ids.append(session_id)
        )
    return ids


def test_of_a_panel_that_is_gone_no_accounts_stay(panel: Panel, closed: list[UUID]) -> None:
    ask(panel, "visit/")
    guests = Group.objects.get(name="guests")
    names = ("guest-house", "guest-0123456789ab")
    people = [make_user(username=name) for name in names]
    guests.user_set.add(*people)
    visit = ChatSession.objects.get()
    delete_panel(panel=panel)
    assert closed == [visit.id]
    purge_visitors()
    assert User.objects.count() == 4
    visit.delete()
    purge_visitors()
    assert set(User.objects.all()) == {panel.owner, *people}


def test_visitors_leave_with_the_owner(panel: Panel, closed: list[UUID]) -> None:
    ask(panel, "visit/")
    make_user(is_superuser=True)
    delete_account(user=panel.owner)
    assert closed == [ChatSession.objects.get().id]
    ChatSession.objects.all().delete()
    purge_visitors()
    assert not User.objects.filter(username__startswith="guest-").exists()


def test_all_visitors_leave_a_few_at_a_time_behind_those_on_hold(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.services.panels.PURGED_AT_ONCE", 2)
    guests = sorted((make_user(username=f"visitor{number}") for number in range(5)), key=lambda user: user.id)
    Visitor.objects.bulk_create(Visitor(user=guest, panel=panel) for guest in guests)
    for guest in guests[:2]:
        place_hold(user=guest, reason="court")
    last = purge_visitors()
    assert last == guests[1].id
    left = []
    while last is not None:
        left.append(Visitor.objects.count())
        last = purge_visitors(after=last)
    assert left == [5, 3]
    assert {visitor.user for visitor in Visitor.objects.all()} == set(guests[:2])


def test_the_admin_closes_a_panel_with_its_sockets(panel: Panel, closed: list[UUID]) -> None:
    ask(panel, "visit/")
    visit = ChatSession.objects.get().id
    client = Client()
    client.force_login(create_user(username="root", password="secret", role="administrator"))
    path = f"/admin/chat/panel/{panel.id}"
    fields = {"name": "Help", "allowed_origins": "", "opening": "", "system_prompt": "", "llm_model": ""}
    assert client.post(f"{path}/change/", fields | {"is_enabled": "on"}).status_code == 302
    assert closed == []
    assert client.post(f"{path}/change/", fields).status_code == 302
    assert closed == [visit]
    assert client.post(f"{path}/delete/", {"post": "yes"}).status_code == 302
    assert closed == [visit] * 2
    assert not Panel.objects.exists()


def test_the_snippet_is_of_a_panel_that_there_is(panel: Panel) -> None:
    admin = PanelAdmin(Panel, site)
    assert admin.snippet(Panel(name="New")) == "-"
    panel.name = 'The "best"'
    assert 'data-title="The &quot;best&quot;"' in admin.snippet(panel)
    assert f'data-panel="{panel.id}"' in admin.snippet(panel)


def test_one_client_does_not_keep_the_others_out(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    left: Counter[str] = Counter()

    def take(*buckets: Bucket) -> Verdict:
        left.update(bucket.key for bucket in buckets)
        spent = [Quota(bucket, 0) for bucket in buckets if left[bucket.key] > bucket.burst]
        return Verdict(not spent, tuple(spent))

    monkeypatch.setattr("chat.services.panels.take", take)

    def visit(address: str) -> Any:
        return Client(REMOTE_ADDR=address).post(f"/embed/{panel.id}/visit/")

    assert [visit("203.0.113.1").status_code for _ in range(5)] == [200] * 4 + [429]
    assert int(visit("203.0.113.1")["Retry-After"]) > 0
    assert visit("203.0.113.2").status_code == 200
    assert [visit(f"2001:db8::{n}").status_code for n in range(5)] == [200] * 4 + [429]
    assert visit("2001:db8:0:1::1").status_code == 200


def test_without_redis_there_is_no_ticket_for_a_while(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    token = ask(panel, "visit/").json()["token"]

    def refuse(user_id: UUID) -> str:
        raise Unavailable("Tickets are not available now: try again in 5 s.", retry_after=5)

    monkeypatch.setattr("chat.web.panels.issue_ticket", refuse)
    answer = ask(panel, "ticket/", token)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


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
