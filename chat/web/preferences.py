"""Language and colours: cookies that every page is drawn from, and two columns of the account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST
from django.views.i18n import JavaScriptCatalog

from chat.models import Theme, User
from chat.services.accounts import set_preferences

THEME_COOKIE = "theme"
A_YEAR = 365 * 86_400
GROUNDS = {Theme.LIGHT: "light", Theme.DARK: "dark"}


class PreferencesForm(forms.Form):
    """What may be chosen; what is left out stays as it is."""

    theme = forms.ChoiceField(choices=Theme.choices, required=False)
    language = forms.ChoiceField(choices=settings.LANGUAGES, required=False)


@require_POST
def change(request: HttpRequest) -> HttpResponse:
    """`theme` and `language`; then back to `next`."""
    form = PreferencesForm(request.POST)
    response = redirect(_next(request))
    if not form.is_valid():
        return HttpResponse(status=400)
    chosen = {name: value for name, value in form.cleaned_data.items() if value}
    if isinstance(request.user, User):
        set_preferences(user=request.user, **chosen)
    _set_cookies(response, **chosen)
    return response


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template: the theme, its colour scheme, and the themes there are."""
    theme = request.COOKIES.get(THEME_COOKIE)
    if theme not in Theme.values:
        theme = Theme.AUTO.value
    return {"theme": theme, "themes": Theme.choices, "color_scheme": GROUNDS.get(Theme(theme), "light dark")}


def remember(response: HttpResponse, user: User) -> None:
    """This browser shows the pages as this person likes them."""
    _set_cookies(response, theme=user.theme, language=user.language)


def _set_cookies(response: HttpResponse, *, theme: str = "", language: str = "") -> None:
    for name, value in ((THEME_COOKIE, theme), (settings.LANGUAGE_COOKIE_NAME, language)):
        if value:
            response.set_cookie(
                name, value, max_age=A_YEAR, secure=settings.BEHIND_TLS, httponly=True, samesite="Lax"
            )


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else "home"


@method_decorator(cache_control(max_age=3600, public=True), name="dispatch")
class Catalogue(JavaScriptCatalog):
    """The front end's strings in one language."""

    packages = ["chat"]

    def get(self, request: HttpRequest, *args: Any, language: str = "en", **kwargs: Any) -> HttpResponse:
        """A script that defines `django.gettext`."""
        with translation.override(language if translation.check_for_language(language) else "en"):
            return super().get(request, *args, **kwargs)
