"""Coming in: the login page, and an invitation that somebody follows."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from chat.web.account.adapter import INVITATION


class LogIn(LoginView):
    """allauth's, with what this server offers beside a password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether people may sign up and have a new password sent."""
        offers = {
            "can_sign_up": settings.SIGNUP_MODE in ("open", "approval"),
            "can_reset": settings.EMAIL_URL,
        }
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | offers


@require_safe
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Remember the invitation, and lead to the form."""
    request.session[INVITATION] = token
    return redirect("account_signup")
