"""Why somebody who knows the password may not come in all the same."""

from __future__ import annotations

from chat.models import Suspension, User
from chat.services.errors import NotLoggedIn

WORDS = {Suspension.SUSPENDED: "suspended", Suspension.BANNED: "banned"}


class AccountSuspended(NotLoggedIn):
    """The account exists, and is kept out."""

    code = "account_suspended"


def describe_suspension(user: User) -> str:
    """Until when and why, as a sentence for the person."""
    until = f" until {user.suspended_until:%d %B %Y, %H:%M} UTC" if user.suspended_until else ""
    word = WORDS[Suspension(user.suspension)]
    return f"Your account is {word}{until}: {user.suspension_reason.rstrip('.')}."


def why_kept_out(user: User) -> str:
    """A sentence for somebody who may not log in; empty for everybody else."""
    if user.is_suspended:
        return describe_suspension(user)
    if user.is_active:
        return ""
    return "Your account is not active: it waits for an administrator."


def require_good_standing(user: User) -> None:
    """Raises `AccountSuspended`."""
    if user.is_suspended:
        raise AccountSuspended(describe_suspension(user))


def explain_failed_login(*, username: str, password: str) -> str:
    """Why a correct password does not log in; empty where the name or the password is wrong."""
    user = User.objects.filter(username=username).first()
    if user is None or user.may_log_in or not user.check_password(password):
        return ""
    return why_kept_out(user)
