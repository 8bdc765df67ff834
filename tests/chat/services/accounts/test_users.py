from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from chat.models import PERMISSIONS, User
from chat.services.accounts import create_user, install_roles, set_role
from chat.services.errors import Conflict, InvalidRequest
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "active", "staff", "superuser"),
    [
        ("user", True, False, False),
        ("moderator", True, True, False),
        ("administrator", True, True, True),
        ("pending", False, False, False),
    ],
)
def test_roles(role: str, active: bool, staff: bool, superuser: bool) -> None:
    user = create_user(username="ann", password="secret", role=role)
    assert (user.is_active, user.is_staff, user.is_superuser) == (active, staff, superuser)
    assert [group.name for group in user.groups.all()] == [role] == [user.role]
    assert (authenticate(username="ann", password="secret") == user) is active


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"role": "king"}, "role"),
        ({"password": ""}, "password"),
        ({"username": "a b"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "x" * 151}, "username"),
    ],
)
def test_refusals(fields: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        create_user(**{"username": "ann", "password": "secret", **fields})
    assert caught.value.field == field
    assert not User.objects.exists()


def test_names_are_unique() -> None:
    create_user(username="ann", password="secret")
    with pytest.raises(Conflict, match="already a user named ann"):
        create_user(username="ann", password="other")


MAY = {
    "pending": set(),
    "user": set(),
    "moderator": {name for name, _ in PERMISSIONS} - {"bypass_rules", "drain_workers", "view_audit"},
    "administrator": {name for name, _ in PERMISSIONS},
}


@pytest.mark.parametrize("role", MAY)
def test_what_a_role_may(role: str) -> None:
    user = create_user(username="ann", password="secret", role=role)
    assert {name for name, _ in PERMISSIONS if user.has_perm(f"chat.{name}")} == MAY[role]


def test_a_role_is_changed_and_other_groups_stay() -> None:
    user = create_user(username="ann", password="secret", role="pending")
    user.groups.add(Group.objects.create(name="students"))
    set_role(user=user, role="moderator")
    assert set(user.groups.values_list("name", flat=True)) == {"moderator", "students"}
    assert User.objects.get().has_perm("chat.decide_cases")
    with pytest.raises(InvalidRequest):
        set_role(user=user, role="king")


def test_people_from_before_the_roles_get_theirs_and_changed_permissions_stay() -> None:
    moderator = make_user(is_staff=True)
    Group.objects.filter(name="moderator").delete()
    Group.objects.get(name="administrator").permissions.clear()
    install_roles()
    assert moderator.has_perm("chat.decide_cases")
    assert not Group.objects.get(name="administrator").permissions.exists()


def test_a_new_permission_reaches_roles_from_before_and_none_is_given_back() -> None:
    group, plain = Group.objects.get(name="moderator"), Group.objects.get(name="user")
    group.permissions.remove(Permission.objects.get(codename="suspend_users"))
    Permission.objects.filter(codename="view_analytics").delete()
    call_command("migrate", verbosity=0)
    kept = set(group.permissions.values_list("codename", flat=True))
    assert kept == MAY["moderator"] - {"suspend_users"}
    assert not plain.permissions.exists()
    group.permissions.remove(Permission.objects.get(codename="view_analytics"))
    call_command("migrate", verbosity=0)
    assert not group.permissions.filter(codename="view_analytics").exists()
