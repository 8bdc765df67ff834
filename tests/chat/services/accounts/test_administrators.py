"""Somebody must be able to administer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

import chatproject.urls  # noqa: F401  no open transaction may wait for it, on a busy machine
from chat.models import Suspension, User
from chat.services.accounts import change_role, create_user, delete_account
from chat.services.errors import Conflict
from chat.services.moderation.keeping_out import keep_out
from tests.support.locks import somebody_waits
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db
STAYS = "The last administrator cannot be demoted, suspended or deleted"


def make_administrator(name: str) -> User:
    return create_user(username=name, password="secret", role="administrator")


@pytest.fixture
def root() -> User:
    return make_administrator("root")


@pytest.fixture
def browser(root: User) -> Client:
    """Theirs, with the password given again."""
    client = Client()
    client.force_login(root)
    client.post("/accounts/reauthenticate/", {"password": "secret"})
    return client


ACTS: dict[str, Callable[[User], object]] = {
    "demoted": lambda user: change_role(user=user, role="moderator", by=None),
    "sent back": lambda user: change_role(user=user, role="pending", by=None),
    "suspended": lambda user: keep_out(user=user, reason="Spam."),
    "banned": lambda user: keep_out(user=user, reason="Spam.", kind=Suspension.BANNED),
    "deleted": lambda user: delete_account(user=user),
}


@pytest.mark.parametrize("act", ACTS)
def test_the_last_one_stays_and_others_do_not(root: User, act: str) -> None:
    with pytest.raises(Conflict, match=STAYS):
        ACTS[act](root)
    root.refresh_from_db()
    assert (root.role, root.may_log_in) == ("administrator", True)
    make_administrator("second")
    ACTS[act](root)
    assert not User.objects.filter(id=root.id, is_superuser=True, is_active=True, suspension="").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"suspension": "banned"},
        {"suspension": "suspended", "suspended_until": timezone.now() + timedelta(days=1)},
    ],
)
def test_who_may_not_log_in_is_no_other_administrator(root: User, fields: dict[str, object]) -> None:
    User.objects.filter(id=make_administrator("second").id).update(**fields)
    with pytest.raises(Conflict, match=STAYS):
        change_role(user=root, role="user", by=None)


def test_a_suspension_that_is_over_does_not_count(root: User) -> None:
    over = timezone.now() - timedelta(seconds=1)
    User.objects.filter(id=make_administrator("second").id).update(
        suspension="suspended", suspended_until=over
    )
    change_role(user=root, role="user", by=None)
    assert root.role == "user"


@pytest.mark.parametrize("command", [["role", "root", "user"], ["suspend", "root", "--reason", "x"]])
def test_nor_by_a_command(root: User, command: list[str]) -> None:
    with pytest.raises(CommandError, match=STAYS):
        call_command("user", *command, stdout=StringIO())


def test_nor_on_ones_own_page(browser: Client) -> None:
    answer = browser.post("/account/delete/", {"username": "root"})
    assert answer.status_code == 400
    assert STAYS in answer.content.decode()


def test_nor_in_the_admin(browser: Client, root: User) -> None:
    path = f"/admin/chat/user/{root.id}/change/"
    answer = browser.post(path, {"username": "root", "role": "user"})
    assert answer.status_code == 200
    assert STAYS in answer.content.decode()
    assert browser.post(path, {"username": "chief", "role": "administrator"}).status_code == 302
    root.refresh_from_db()
    assert (root.username, root.role) == ("chief", "administrator")


def test_the_admin_keeps_what_others_changed_meanwhile(
    browser: Client, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = create_user(username="ann", password="secret")
    clean = User.clean

    def clean_late(user: User) -> None:
        clean(user)
        keep_out(user=User.objects.get(id=ann.id), reason="Spam.")

    monkeypatch.setattr(User, "clean", clean_late)
    path = f"/admin/chat/user/{ann.id}/change/"
    assert browser.post(path, {"username": "anna", "role": "user"}).status_code == 302
    ann.refresh_from_db()
    assert (ann.username, ann.is_suspended) == ("anna", True)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.django_db(transaction=True)
def test_of_two_who_send_each_other_away_one_stays(act: str) -> None:
    root, second = make_administrator("root"), make_administrator("second")

    def send_away() -> None:
        try:
            ACTS[act](second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ACTS["demoted"](root)
            late = pool.submit(send_away)
            if connection.vendor == "postgresql":  # SQLite lets the second one begin no transaction
                wait_until(somebody_waits, what="the second one waiting")
        with pytest.raises(Conflict, match=STAYS):
            late.result()
    assert User.objects.get(is_superuser=True).may_log_in
