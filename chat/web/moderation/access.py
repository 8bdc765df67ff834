"""Who may open a page of the console, and where its buttons lead."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from chat.services.errors import ServiceError
from chat.web.moderation.forms import first_problem

View = Callable[..., HttpResponse]


def console(permission: str) -> Callable[[View], View]:
    """A page for those who have a permission: others are sent to the login, or refused."""

    def guard(view: View) -> View:
        return never_cache(login_required(permission_required(permission, raise_exception=True)(view)))

    return guard


def done(request: HttpRequest, act: Callable[[], object], success: str, then: str) -> HttpResponse:
    """Do it, say how it went, and show another page."""
    try:
        act()
    except ServiceError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, success)
    return redirect(then)


def attempt(
    request: HttpRequest,
    form: forms.Form,
    act: Callable[[], object],
    *,
    success: str,
    then: str,
    again: Callable[[int], HttpResponse],
) -> HttpResponse:
    """Do what a form says, and show another page; `again` is the form's own, with what was filled in."""
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return again(400)
    try:
        act()
    except ServiceError as error:
        messages.error(request, error.message)
        return again(409)
    messages.success(request, success)
    return redirect(then)


def where_next(request: HttpRequest, default: str) -> str:
    """The page that the visitor came from, if it is one of ours."""
    given = request.POST.get("next") or request.GET.get("next", "")
    return given if url_has_allowed_host_and_scheme(given, {request.get_host()}) else default


def with_next(url: str, back: str) -> str:
    """A URL that leads back."""
    return f"{url}?{urlencode({'next': back})}"
