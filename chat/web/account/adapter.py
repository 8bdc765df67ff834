"""Where allauth asks us: who may sign up, as what, who may come in, and what a login brings along."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.stages import EmailVerificationStage
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from chat.models import User
from chat.services.accounts import find_account_invitation, set_role, use_account_invitation
from chat.services.errors import NotFound
from chat.services.logins import tell_login_changed
from chat.services.moderation.appeals import appeal_token
from chat.services.sealing import seal, unseal
from chat.services.standing import why_kept_out
from chat.web.preferences import remember

INVITATION = "account_invitation"
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  of a client behind a Unix socket; nobody listens there


class EmailStage(EmailVerificationStage):
    """Accounts made by an administrator may have no address: there is nothing to confirm."""

    def handle(self) -> Any:
        """As allauth's, for people with an address."""
        user = self.login.user
        return (None, True) if user is not None and not user.email else super().handle()


class AccountAdapter(DefaultAccountAdapter):
    """Accounts by name and password."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """By `SIGNUP_MODE`; an invitation that was followed is in the session."""
        if settings.SIGNUP_MODE == "invite":
            return find_account_invitation(token=request.session.get(INVITATION, "")) is not None
        return bool(settings.SIGNUP_MODE != "closed")

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """A new account, with the role that the mode gives; an invitation counts once."""
        super().save_user(request, user, form, commit=False)
        if not commit:
            return user
        try:
            with transaction.atomic():
                if settings.SIGNUP_MODE == "invite":
                    use_account_invitation(token=request.session.pop(INVITATION, ""))
                user.save()
                set_role(user=user, role="pending" if settings.SIGNUP_MODE == "approval" else "user")
        except NotFound as error:  # somebody was faster
            raise ImmediateHttpResponse(redirect("account_signup")) from error
        return user

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Who is kept out reads why, whichever way they came."""
        if isinstance(user, User) and user.is_suspended:
            return self.respond_user_inactive(request, user)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """A page with the reason; where a decision of a case keeps them out, that of its appeal."""
        messages.error(request, why_kept_out(user))
        if token := appeal_token(user):
            return redirect("appeal_suspension", token)
        return redirect("account_inactive")

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Brings the person's language and colours to this browser."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        remember(response, user)
        return response

    def set_password(self, user: Any, password: str) -> None:
        """A new password ends the other logins; their sockets hear of it."""
        super().set_password(user, password)
        tell_login_changed(user.id)

    def get_login_stages(self) -> list[str]:
        """allauth's, with our own for the address."""
        own = f"{EmailStage.__module__}.{EmailStage.__qualname__}"
        theirs = f"{EmailVerificationStage.__module__}.{EmailVerificationStage.__qualname__}"
        return [own if path == theirs else path for path in super().get_login_stages()]

    def get_client_ip(self, request: HttpRequest) -> str:
        """An address always: tests and Unix sockets have none."""
        return super().get_client_ip(request) if request.META.get("REMOTE_ADDR") else UNKNOWN_ADDRESS


class SocialAdapter(DefaultSocialAccountAdapter):
    """Accounts that come from an OpenID Connect provider."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """By `OIDC_SIGNUP`."""
        return bool(settings.OIDC_SIGNUP != "closed")

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """A new account, with the role that `OIDC_SIGNUP` gives."""
        with transaction.atomic():
            user = super().save_user(request, sociallogin, form)
            set_role(user=user, role="pending" if settings.OIDC_SIGNUP == "approval" else "user")
        return user


class SealingAdapter(DefaultMFAAdapter):
    """The secrets of second factors are sealed in the database."""

    def encrypt(self, text: str) -> str:
        """For the database."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Empty under another SECRET_KEY: no code fits it."""
        return unseal(encrypted_text) or ""
