"""What moderators need to be allowed."""

from __future__ import annotations

from chat.models import Case, User
from chat.services.errors import Forbidden

VIEW = "chat.view_moderation"
DECIDE = "chat.decide_cases"
BYPASS = "chat.bypass_rules"
RULES = "chat.change_contentrule"


def is_own(case: Case, user: User) -> bool:
    """Whether it is about somebody who therefore leaves it to other moderators."""
    return case.subject_id == user.id and not user.is_superuser


def require_right(user: User, right: str) -> None:
    """Raise `Forbidden` unless the user has this permission."""
    if not user.has_perm(right):
        raise Forbidden("You are not allowed to do this: it is for moderators.")
