"""The pages about people, as moderators use them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from chat.models import AccountInvitation, AuditEntry, User
from chat.services.accounts import create_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None) -> User:
    """Somebody who chats."""
    return create_user(username="ada", password="secret")


def page(client: Client, route: str, /, *args: Any, **query: str) -> str:
    answer = client.get(reverse(route, args=args), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def send(client: Client, name: str, user: User, **fields: str) -> list[str]:
    answer = client.post(reverse(name, args=[user.id]), fields, follow=True)
    return [str(message) for message in answer.context["messages"]]


def test_people_are_found_by_name_and_address_and_state(moderating: Client, ada: User) -> None:
    User.objects.filter(id=ada.id).update(email="countess@example.org")
    create_user(username="bob", password="secret", role="pending")
    for query in ({}, {"name": "AD"}, {"name": "countess"}, {"state": "nonsense"}, {"name": "a\x00"}):
        assert ">ada<" in page(moderating, "people", **query), query
    assert ">ada<" not in page(moderating, "people", name="da")
    pending = page(moderating, "people", state="pending")
    assert ">bob<" in pending
    assert ">ada<" not in pending
    assert ">mo<" in page(moderating, "people", state="staff")


def test_a_page_leads_to_the_next(moderating: Client) -> None:
    User.objects.bulk_create([User(username=f"person{number:02}") for number in range(51)])
    first = moderating.get(reverse("people"), {"name": "person"})
    assert ">person49<" in first.content.decode()
    assert ">person50<" not in first.content.decode()
    second = moderating.get(f"{reverse('people')}{first.context['more']}")
    assert ">person50<" in second.content.decode()
    assert second.context["more"] == ""


def test_somebody_is_kept_out_and_let_in_again(moderating: Client, ada: User) -> None:
    assert send(moderating, "suspend_person", ada, reason="Spam.", days="7") == ["ada is kept out."]
    ada.refresh_from_db()
    until = ada.suspended_until
    assert until is not None
    assert timedelta(days=6) < until - timezone.now() < timedelta(days=8)
    assert send(moderating, "suspend_person", ada, reason="Worse.", days="ban") == [
        "ada is suspended already: let them in first."
    ]
    ada.refresh_from_db()
    assert (ada.suspension_reason, ada.suspended_until) == ("Spam.", until)
    shown = page(moderating, "person", ada.id)
    assert "Let them in again" in shown
    assert "Keep them out" not in shown
    assert ">ada<" in page(moderating, "people", state="suspended")
    assert send(moderating, "readmit_person", ada) == ["ada is let in again."]
    assert send(moderating, "readmit_person", ada) == ["ada is not suspended."]
    ada.refresh_from_db()
    assert not ada.is_suspended
    assert list(AuditEntry.objects.order_by("number").values_list("action", "actor_name")) == [
        ("user.suspended", "mo"),
        ("user.unsuspended", "mo"),
    ]


@pytest.mark.parametrize(("days", "kind"), [("", "suspended"), ("ban", "banned")])
def test_for_good(moderating: Client, ada: User, days: str, kind: str) -> None:
    send(moderating, "suspend_person", ada, reason="Spam.", days=days)
    ada.refresh_from_db()
    assert (ada.suspension, ada.suspended_until) == (kind, None)


@pytest.mark.parametrize("fields", [{"days": "7"}, {"reason": "Spam.", "days": "8"}], ids=["why", "how long"])
def test_what_is_missing_is_said(moderating: Client, ada: User, fields: dict[str, str]) -> None:
    answer = moderating.post(reverse("suspend_person", args=[ada.id]), fields)
    assert answer.status_code == 400
    assert 'class="problem"' in answer.content.decode()
    ada.refresh_from_db()
    assert not ada.is_suspended


def test_moderators_are_for_administrators(
    moderating: Client, moderator: User, administrating: Client
) -> None:
    root = User.objects.get(username="root")
    assert send(moderating, "suspend_person", root, reason="Spam.") == [
        "Only an administrator may suspend a moderator or an administrator."
    ]
    assert send(moderating, "suspend_person", moderator, reason="Spam.") == ["You cannot suspend yourself."]
    assert send(administrating, "suspend_person", moderator, reason="Spam.") == ["mo is kept out."]


def test_who_is_refused_keeps_what_they_wrote(moderating: Client) -> None:
    root = create_user(username="root", password="secret", role="administrator")
    answer = moderating.post(
        reverse("suspend_person", args=[root.id]), {"reason": "A long story.", "days": "30"}
    )
    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "A long story.</textarea>" in shown
    assert '<option value="30" selected>' in shown


def test_administrators_are_led_to_role_and_groups(
    moderating: Client, administrating: Client, ada: User
) -> None:
    link = reverse("admin:chat_user_change", args=[ada.id])
    assert link in page(administrating, "person", ada.id)
    assert link not in page(moderating, "person", ada.id)
    assert administrating.get(link).status_code == 200


def test_a_suspension_has_an_end_unless_one_chooses_otherwise(moderating: Client, ada: User) -> None:
    assert '<option value="7" selected>' in page(moderating, "person", ada.id)


def test_who_waits_is_approved(moderating: Client) -> None:
    bob = create_user(username="bob", password="secret", role="pending")
    assert "Approve" in page(moderating, "person", bob.id)
    assert send(moderating, "approve_person", bob) == ["bob is approved."]
    assert send(moderating, "approve_person", bob) == ["bob does not wait to be let in."]
    assert User.objects.get(id=bob.id).role == "user"


@override_settings(SIGNUP_MODE="invite")
def test_a_link_is_shown_once_and_lets_people_sign_up(moderating: Client) -> None:
    answer = moderating.post(reverse("invite_people"), {"uses": "3", "days": "2", "note": "The club"})
    link = answer.context["link"]
    assert link in answer.content.decode()
    assert link not in page(moderating, "invite_people")
    made = AccountInvitation.objects.get()
    assert (made.uses_left, made.note) == (3, "The club")
    stranger = Client()
    assert 'name="password1"' in stranger.get(link, follow=True).content.decode()


def test_a_wrong_number_is_refused_and_another_mode_is_said(moderating: Client) -> None:
    answer = moderating.post(reverse("invite_people"), {"uses": "0", "days": "2"})
    assert answer.status_code == 400
    assert not AccountInvitation.objects.exists()
    assert "At present it is" in page(moderating, "invite_people")


def test_nobody_is_not_found(moderating: Client) -> None:
    assert moderating.get(reverse("person", args=[uuid4()])).status_code == 404
