"""Coming in: the login page, and an invitation that somebody follows."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, PasswordResetView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from chat.services.errors import NotFound, ServiceError
from chat.services.moderation.appeals import appeal_decision, find_by_token
from chat.web.account.adapter import INVITATION
from chat.web.notices import AppealForm


class LogIn(LoginView):
    """allauth's, with what this server offers beside a password."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A page that asks for a part of itself when its login has ended is loaded anew: it leads here."""
        if "HX-Request" in request.headers:
            return HttpResponse(headers={"HX-Refresh": "true"})
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether people may sign up and have a new password sent."""
        offers = {
            "can_sign_up": settings.SIGNUP_MODE in ("open", "approval"),
            "can_reset": settings.EMAIL_URL,
        }
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | offers


class ResetPassword(PasswordResetView):
    """allauth's, where there is mail to send."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Without it whoever asks reads whom to ask."""
        if not settings.EMAIL_URL:
            return render(request, "account/password_reset_without_mail.html")
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response


@require_safe
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Remember the invitation, and lead to the form."""
    request.session[INVITATION] = token
    return redirect("account_signup")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def appeal_suspension(request: HttpRequest, token: str) -> HttpResponse:
    """The notice that keeps somebody out, and its appeal: they cannot log in for it."""
    try:
        notice = find_by_token(token)
    except NotFound:
        return redirect("login")
    form = AppealForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            appeal_decision(user=notice.user, notice_id=notice.id, **form.cleaned_data)
        except ServiceError as error:
            form.add_error("words", error.message)
        else:
            return redirect("appeal_suspension", token)
    context = {"notice": notice, "appeal": getattr(notice.case, "appeal", None), "form": form}
    return render(request, "account/appeal.html", context, status=400 if form.errors else 200)
