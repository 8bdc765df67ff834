from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client

from chat.models import (
    ApiKey,
    AuditEntry,
    ChatMessage,
    ChatSession,
    Generation,
    GroupLimits,
    LanguageModel,
    NoticeTemplate,
    User,
    WorkerNode,
)
from chat.services.accounts import create_api_key, create_user
from chat.services.holds import place_hold
from tests.support.factories import make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db
READ_ONLY = (ChatSession, ChatMessage, Generation, LanguageModel, WorkerNode, ApiKey, AuditEntry)


@pytest.fixture
def client() -> Client:
    """An administrator's browser."""
    client = Client()
    client.force_login(create_user(username="root", password="secret", role="administrator"))
    return client


def test_everything_is_registered() -> None:
    assert {User, *READ_ONLY} <= set(admin.site._registry)


@pytest.mark.parametrize("model", [User, *READ_ONLY])
def test_lists_open_and_only_accounts_can_be_added(client: Client, model: type) -> None:
    generation = make_generation()
    create_api_key(user=generation.user)
    base = f"/admin/chat/{model.__name__.lower()}/"
    assert client.get(base).status_code == 200
    assert client.get(f"{base}add/").status_code == (200 if model is User else 403)


def test_a_decision_has_one_default_template(client: Client) -> None:
    template = {"decision": "hide", "title": "About $decision", "body": "$reason", "is_default": "on"}
    for name in ("Polite", "Polite, in short"):
        page = client.post("/admin/chat/noticetemplate/add/", template | {"name": name}, follow=True)
    assert "“Polite” is the default of this decision already" in page.content.decode()
    polite = NoticeTemplate.objects.get()
    client.post(f"/admin/chat/noticetemplate/{polite.id}/change/", template | {"name": "Kind"})
    assert NoticeTemplate.objects.get().name == "Kind"


def test_rows_are_read_not_written(client: Client) -> None:
    generation = make_generation()
    path = f"/admin/chat/generation/{generation.id}/change/"
    assert client.get(path).status_code == 200
    assert client.post(path, {"status": "failed"}).status_code == 403
    assert client.post(path.replace("change", "delete"), {"post": "yes"}).status_code == 403


PEOPLE = "/admin/chat/user/"


def browser_of(role: str) -> Client:
    client = Client()
    client.force_login(create_user(username=f"a-{role}", password="secret", role=role))
    return client


def test_a_moderator_approves_and_changes_nothing_else() -> None:
    pending = create_user(username="ann", password="secret", role="pending")
    client = browser_of("moderator")
    assert client.get(PEOPLE).status_code == 200
    client.post(PEOPLE, {"action": "approve", "_selected_action": [str(pending.id)]})
    assert User.objects.get(username="ann").role == "user"
    assert client.post(f"{PEOPLE}{pending.id}/change/", {"role": "administrator"}).status_code == 403
    assert client.get("/admin/auth/group/").status_code == 403


def test_an_administrator_gives_roles_and_groups(client: Client) -> None:
    person = create_user(username="ann", password="secret")
    students = Group.objects.create(name="students")
    path = f"{PEOPLE}{person.id}/change/"
    assert client.get(path).status_code == 200
    sent = {"username": "ann", "role": "moderator", "groups": [students.id]}
    assert client.post(path, sent).status_code == 302
    person = User.objects.get(id=person.id)
    assert (person.role, {group.name for group in person.groups.all()}) == (
        "moderator",
        {"moderator", "students"},
    )
    made = {
        "username": "bob",
        "usable_password": "true",
        "password1": "long-and-new-1",
        "password2": "long-and-new-1",
    }
    assert client.post(f"{PEOPLE}add/", made).status_code == 302
    assert User.objects.get(username="bob").role == "user"


def test_an_administrator_limits_a_group(client: Client) -> None:
    LanguageModel.objects.create(slug="paced", size_bytes=1, context_length=1)
    students = Group.objects.create(name="students")
    path = f"/admin/auth/group/{students.id}/change/"
    assert "paced" in client.get(path).content.decode()
    sent = {"name": "students", "limits-TOTAL_FORMS": "1", "limits-INITIAL_FORMS": "0"}
    sent |= {"limits-0-allowed_models": "paced", "limits-0-tokens_per_day": "1000"}
    for name in ("max_running", "max_queued"):
        assert (
            "greater than or equal to 1"
            in client.post(path, sent | {f"limits-0-{name}": "0"}).content.decode()
        )
    assert client.post(path, sent).status_code == 302
    limits = GroupLimits.objects.get()
    assert (limits.group, limits.allowed_models, limits.tokens_per_day) == (students, ["paced"], 1000)


def test_the_group_of_a_role_keeps_its_name_and_stays(client: Client) -> None:
    role, other = Group.objects.get(name="user"), Group.objects.create(name="students")
    sent = {"limits-TOTAL_FORMS": "1", "limits-INITIAL_FORMS": "0", "limits-0-max_running": "2"}
    client.post(f"/admin/auth/group/{role.id}/change/", sent | {"name": "people"})
    client.post(f"/admin/auth/group/{role.id}/delete/", {"post": "yes"})
    for group in (role, other):
        chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [str(group.id)]}
        client.post("/admin/auth/group/", chosen)
    assert Group.objects.get(name="user").limits.max_running == 2
    assert not Group.objects.filter(name="students").exists()


class TestDeletingPeople:
    """As they would themselves: with what they wrote elsewhere, and not where a hold keeps it."""

    def test_with_everything_and_one_line_in_the_log(self, client: Client) -> None:
        ann = make_user(username="ann")
        make_message(make_session(ann, title="a secret title"), "a secret word")
        elsewhere = make_message(make_session(), "said elsewhere")
        ChatMessage.objects.filter(id=elsewhere.id).update(author=ann)
        path = f"{PEOPLE}{ann.id}/delete/"
        page = client.get(path).content.decode()
        assert "Chat sessions: 1" in page
        assert "secret" not in page
        assert client.post(path, {"post": "yes"}).status_code == 302
        assert not User.objects.filter(username="ann").exists()
        elsewhere.refresh_from_db()
        assert (elsewhere.content, elsewhere.author) == ("(deleted)", None)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_name, entry.subject_id) == ("user.deleted", "root", str(ann.id))
        assert not LogEntry.objects.filter(object_repr__contains="ann").exists()

    def test_who_must_stay_is_named_with_the_reason(self, client: Client) -> None:
        ann = make_user(username="ann")
        witness = make_user(username="bob")
        ChatMessage.objects.filter(id=make_message(make_session(ann)).id).update(author=witness)
        place_hold(user=witness, reason="court")
        root = User.objects.get(username="root")
        for user, why in ((ann, "ann: This account must be kept"), (root, "root: The last administrator")):
            path = f"{PEOPLE}{user.id}/delete/"
            assert why in client.get(path).content.decode()
            assert why in client.post(path, {"post": "yes"}).content.decode()
        chosen = {"action": "delete_selected", "post": "yes"}
        client.post(PEOPLE, chosen | {"_selected_action": [str(ann.id), str(root.id)]})
        assert User.objects.count() == 3

    def test_many_at_once(self, client: Client) -> None:
        create_user(username="second", password="secret", role="administrator")
        make_user()
        everybody = [str(id_) for id_ in User.objects.values_list("id", flat=True)]
        chosen = {"action": "delete_selected", "post": "yes", "_selected_action": everybody}
        assert client.post(PEOPLE, chosen).status_code == 302
        assert User.objects.get().is_superuser, "the last one stays"
