"""Who may see which account page, and do what, role by role; and what the audit log tells of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from chat.models import AuditEntry, User
from chat.services.accounts import create_user, invite_people, suspend_user
from chat.services.errors import Forbidden

pytestmark = pytest.mark.django_db
OUT, REFUSED, SEEN = "login", 403, 200
ROLES = ("anonymous", "suspended", "pending", "user", "moderator", "administrator")
LOGGED_IN = dict(zip(ROLES, (OUT, OUT, OUT, SEEN, SEEN, SEEN), strict=True))
APPROVERS = dict(zip(ROLES, (OUT, OUT, OUT, OUT, SEEN, SEEN), strict=True))
ADMINISTRATORS = dict(zip(ROLES, (OUT, OUT, OUT, OUT, REFUSED, SEEN), strict=True))
PAGES: dict[str, dict[str, Any]] = {
    "/account/": LOGGED_IN,
    "/accounts/email/": LOGGED_IN,
    "/accounts/2fa/": LOGGED_IN,
    "/accounts/sessions/": LOGGED_IN,
    "/accounts/3rdparty/": LOGGED_IN,
    "/accounts/password/change/": LOGGED_IN,
    "/admin/chat/user/": APPROVERS,
    "/admin/chat/user/{of}/change/": APPROVERS,
    "/admin/chat/user/add/": ADMINISTRATORS,
    "/admin/chat/user/{of}/delete/": ADMINISTRATORS,
    "/admin/auth/group/": ADMINISTRATORS,
    "/admin/auth/group/{group}/change/": ADMINISTRATORS,
}


def browser_of(role: str) -> Client:
    client = Client()
    if role == "anonymous":
        return client
    user = create_user(username=role, password="secret", role="user" if role == "suspended" else role)
    if role == "suspended":
        suspend_user(user=user, reason="Spam")
    client.force_login(user)
    return client


@pytest.mark.parametrize("role", ROLES)
def test_pages(role: str) -> None:
    of = create_user(username="of", password="secret")
    ids = {"of": of.id, "group": Group.objects.get(name="user").id}
    client = browser_of(role)
    for page, expected in PAGES.items():
        response = client.get(page.format(**ids))
        is_sent_away = response.status_code == 302 and "login" in response["Location"]
        seen = OUT if is_sent_away else response.status_code
        assert seen == expected[role], page


@pytest.mark.parametrize("role", ROLES)
def test_approving_is_for_staff_and_told_once(role: str) -> None:
    waiting = create_user(username="of", password="secret", role="pending")
    browser_of(role).post("/admin/chat/user/", {"action": "approve", "_selected_action": [str(waiting.id)]})
    may = role in ("moderator", "administrator")
    assert User.objects.get(username="of").role == ("user" if may else "pending")
    told = [(entry.action, entry.actor_name) for entry in AuditEntry.objects.all()]
    assert told == ([("user.role", role)] if may else [])


@pytest.mark.parametrize("role", ROLES[3:])
def test_inviting_is_for_staff_and_told_once(role: str) -> None:
    user = create_user(username=role, password="secret", role=role)
    if role == "user":
        with pytest.raises(Forbidden):
            invite_people(by=user)
    else:
        assert invite_people(by=user)
    assert AuditEntry.objects.count() == (role != "user")
