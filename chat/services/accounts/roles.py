"""Roles are groups of these names: each person is in one of them and may do what its permissions say."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.models import QuerySet

from chat.models import PERMISSIONS, User
from chat.services.accounts.administrators import require_another_administrator
from chat.services.audit import record
from chat.services.errors import InvalidRequest
from chat.services.logins import tell_login_changed

ALL = frozenset(name for name, _ in PERMISSIONS)
ADMINISTRATORS_ONLY = frozenset({"bypass_rules", "drain_workers", "view_audit"})
ROLES: dict[str, frozenset[str]] = {
    "pending": frozenset(),
    "user": frozenset(),
    "moderator": ALL - ADMINISTRATORS_ONLY,
    "administrator": ALL,
}
"""With the permissions that a role begins with; administrators may change those of the groups."""
STAFF = ("moderator", "administrator")


_known: set[str] = set()
"""The permissions from before the migrations that run now."""


def remember_permissions(**_: Any) -> None:
    """Note which permissions there are; run before every migration."""
    _known.clear()
    if Permission._meta.db_table in connection.introspection.table_names():
        _known.update(_own_permissions().values_list("codename", flat=True))


def install_roles(**_: Any) -> None:
    """Make the groups that are missing, with their permissions and people; run after every migration.

    Groups from before get the permissions that came with it: what an administrator took away stays away.
    """
    for role, names in ROLES.items():
        group, is_new = Group.objects.get_or_create(name=role)
        if is_new:
            group.permissions.set(_own_permissions().filter(codename__in=names))
            group.user_set.set(user for user in User.objects.all() if user.role == role)
        elif _known:
            group.permissions.add(*_own_permissions().filter(codename__in=names - _known))


def _own_permissions() -> QuerySet[Permission]:
    return Permission.objects.filter(content_type__app_label="chat")


def set_role(*, user: User, role: str) -> None:
    """Make a new person pending, a user, a moderator or an administrator. Raises `InvalidRequest`.

    Who is pending may not log in.
    """
    if role not in ROLES:
        raise InvalidRequest(
            "role must be one of %(roles)s.", field="role", values={"roles": ", ".join(ROLES)}
        )
    user.is_active = role != "pending"
    user.is_staff = role in STAFF
    user.is_superuser = role == "administrator"
    with transaction.atomic():
        user.save(update_fields=["is_active", "is_staff", "is_superuser"])
        user.groups.remove(*Group.objects.filter(name__in=ROLES).exclude(name=role))
        user.groups.add(Group.objects.get(name=role))


def approve_user(*, user: User, by: User | None) -> bool:
    """Let somebody in who waits for it; False for everybody else."""
    if user.role != "pending":
        return False
    change_role(user=user, role="user", by=by)
    return True


@transaction.atomic
def change_role(*, user: User, role: str, by: User | None) -> None:
    """Give somebody another role, which the audit log tells. `by` is None for the shell.

    Who is pending from now on leaves at once. Raises `InvalidRequest`, and `Conflict` for the last
    administrator.
    """
    if role != "administrator":
        require_another_administrator(user)
    before = user.role
    set_role(user=user, role=role)
    tell_login_changed(user.id)
    if role != before:
        record(actor=by, action="user.role", subject=user, details={"from": before, "to": role})
