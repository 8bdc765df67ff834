"""Who may open a page of the console, and whether it is really them."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from chat.models import User
from chat.services.errors import InvalidRequest, ServiceError
from chat.services.ratelimit import count_login

CONFIRMED_SECONDS = 300
CONFIRMED = "confirmed_at"
View = Callable[..., HttpResponse]


def console(permission: str) -> Callable[[View], View]:
    """A page for those who have a permission: others are sent to the login, or refused."""

    def guard(view: View) -> View:
        return never_cache(login_required(permission_required(permission, raise_exception=True)(view)))

    return guard


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the password was given within the last minutes."""
    confirmed_at: float = request.session.get(CONFIRMED, 0.0)
    return time.time() - confirmed_at < CONFIRMED_SECONDS


def confirm(request: HttpRequest, user: User, password: str) -> None:
    """Note that it is really them. Raises `InvalidRequest`, or `TooManyRequests`: tries count as logins."""
    if is_confirmed(request):
        return
    address = request.META.get("REMOTE_ADDR", "")
    count_login(username=user.username, address=address).enforce()
    if not user.check_password(password):
        raise InvalidRequest("That is not your password.", field="password")
    request.session[CONFIRMED] = time.time()


def done(request: HttpRequest, act: Callable[[], object], success: str, then: str) -> HttpResponse:
    """Do it, say how it went, and show another page."""
    try:
        act()
    except ServiceError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, success)
    return redirect(then)


def where_next(request: HttpRequest, default: str) -> str:
    """The page that the visitor came from, if it is one of ours."""
    given = request.POST.get("next") or request.GET.get("next", "")
    return given if url_has_allowed_host_and_scheme(given, {request.get_host()}) else default


def with_next(url: str, back: str) -> str:
    """A URL that leads back."""
    return f"{url}?{urlencode({'next': back})}"
