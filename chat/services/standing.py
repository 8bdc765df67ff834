"""Why somebody who knows the password may not come in all the same."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from chat.models import Suspension, User
from chat.services.errors import NotLoggedIn


class AccountSuspended(NotLoggedIn):
    """The account exists, and is kept out."""

    code = "account_suspended"


def describe_suspension(user: User) -> str:
    """Until when and why, as a sentence for the person."""
    told = {"reason": user.suspension_reason.rstrip(".")}
    if user.suspension == Suspension.BANNED:
        return _("Your account is banned: %(reason)s.") % told
    if user.suspended_until is None:
        return _("Your account is suspended: %(reason)s.") % told
    until = date_format(localtime(user.suspended_until), "d F Y, H:i")
    return _("Your account is suspended until %(until)s UTC: %(reason)s.") % (told | {"until": until})


def why_kept_out(user: User) -> str:
    """A sentence for somebody who may not log in; empty for everybody else."""
    if user.is_suspended:
        return describe_suspension(user)
    if user.is_active:
        return ""
    return _("Your account is not active: it waits for an administrator.")


def require_good_standing(user: User) -> None:
    """Raises `AccountSuspended`."""
    if user.is_suspended:
        raise AccountSuspended(describe_suspension(user))


def require_second_factor(user: User, code: str) -> None:
    """Where one is set up, the current code, or a recovery code. Raises `NotLoggedIn`."""
    factors = Authenticator.objects.filter(user=user)
    if not factors.exists():
        return
    usable = factors.exclude(type=Authenticator.Type.WEBAUTHN)
    if not code or not any(factor.wrap().validate_code(code) for factor in usable):
        raise NotLoggedIn("This account has a second factor: send its current code as 'code'.", field="code")


def require_confirmed_address(user: User) -> None:
    """Where addresses must be confirmed, one is. Raises `NotLoggedIn`."""
    if settings.EMAIL_CONFIRMATION != "required" or not user.email:
        return
    if not EmailAddress.objects.filter(user=user, verified=True).exists():
        raise NotLoggedIn("Confirm your e-mail address first: log in with a browser for a new link.")


def explain_failed_login(*, username: str, password: str) -> str:
    """Why a correct password does not log in; empty where the name or the password is wrong."""
    user = User.objects.filter(username=username).first()
    if user is None or user.may_log_in or not user.check_password(password):
        return ""
    return why_kept_out(user)
