"""Somebody must be able to administer: the last one who can stays."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import transaction

from chat.models import User, suspended
from chat.services.errors import Conflict


@transaction.atomic
def lock_administrators() -> None:
    """Until the transaction ends nobody else takes an administrator away. Comes before all other locks."""
    Group.objects.select_for_update(no_key=True).filter(name="administrator").first()


@transaction.atomic
def require_another_administrator(user: User) -> None:
    """Raise `Conflict` where nobody else may administer."""
    lock_administrators()
    administrators = User.objects.filter(is_superuser=True)
    others = administrators.filter(is_active=True).exclude(suspended()).exclude(id=user.id)
    if administrators.filter(id=user.id).exists() and not others.exists():
        raise Conflict(
            "The last administrator cannot be demoted, suspended or deleted: make somebody else one first."
        )
