"""Every page and action of the admin for every role."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from chat.models import Generation, User
from chat.services.accounts import create_api_key, create_user
from chat.services.audit import record
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db

MODERATORS_SEE = {"user"}
"""By name of the model; everything else is for administrators."""
CHANGEABLE = {
    "user",
    "group",
    "emailaddress",
    "socialapp",
    "socialaccount",
    "usersession",
    "panel",
    "noticetemplate",
}
MODERATORS_DO = {"user": {"approve"}}
DELETABLE = ("group", "authenticator", "socialapp", "socialaccount", "usersession", "panel", "noticetemplate")
ADMINISTRATORS_DO = {
    "user": {"approve", "delete_selected"},
    "emailaddress": {"delete_selected", "make_verified"},
    **{name: {"delete_selected"} for name in DELETABLE},
    "provider": {"enable", "disable", "ask_earlier", "ask_later"},
}
SECRET = "a secret title", "a secret question"


def client_of(role: str) -> Client:
    client = Client()
    if role != "anonymous":
        client.force_login(create_user(username=f"the-{role}", password="secret", role=role))
    return client


@pytest.fixture
def generation() -> Generation:
    """A row of whatever there is."""
    found = make_generation(content=SECRET[1])
    found.session.title = SECRET[0]
    found.session.save()
    create_api_key(user=found.user)
    record(actor=None, action="test")
    return found


@pytest.mark.parametrize("role", ["anonymous", "pending", "user", "moderator", "administrator"])
def test_who_sees_and_changes_what(role: str, generation: Generation) -> None:
    client = client_of(role)
    for model in admin.site._registry:
        name = model._meta.model_name or ""
        base = f"/admin/{model._meta.app_label}/{name}/"
        row = model._default_manager.first()
        sees = role == "administrator" or (role == "moderator" and name in MODERATORS_SEE)
        changes = role == "administrator" and name in CHANGEABLE
        no = 403 if role in ("moderator", "administrator") else 302
        assert client.get(base).status_code == (200 if sees else no), base
        assert client.get(f"{base}add/").status_code == (200 if changes else no), base
        if row is None:
            continue
        page = client.get(f"{base}{row.pk}/change/")
        assert page.status_code == (200 if sees else no), base
        assert not any(word in page.content.decode() for word in SECRET), base
        if not changes:
            assert client.post(f"{base}{row.pk}/change/", {}).status_code == no, base
            assert client.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == no, base


@pytest.mark.parametrize("role", ["moderator", "administrator"])
def test_who_does_what_with_chosen_rows(role: str) -> None:
    request = RequestFactory().get(reverse("admin:index"))
    request.user = create_user(username="somebody", password="secret", role=role)
    allowed = ADMINISTRATORS_DO if role == "administrator" else MODERATORS_DO
    for model, shown in admin.site._registry.items():
        name = model._meta.model_name or ""
        if shown.has_view_permission(request):
            assert set(shown.get_actions(request)) == allowed.get(name, set()), name


def test_a_suspended_administrator_is_kept_out(generation: Generation) -> None:
    client = client_of("administrator")
    User.objects.filter(username="the-administrator").update(suspension="banned", suspension_reason="x")
    assert client.get("/admin/").status_code == 302
