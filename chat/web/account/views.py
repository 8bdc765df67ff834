"""One's own account: keys, devices, second factors, all one's data, and the end of it."""

from __future__ import annotations

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from chat.selectors.accounts import find_api_key_of, list_api_keys, list_devices
from chat.selectors.performance import recommend
from chat.services.accounts import create_api_key, delete_account, end_device, revoke_api_key
from chat.services.errors import NotFound, ServiceError
from chat.web.account.forms import ApiKeyForm, DeletionForm
from chat.web.account.takeout import takeout
from chat.web.sidebar import page_user


@require_safe
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Everything about it on one page."""
    return _page(request)


@require_POST
@never_cache
@login_required
def create_key(request: HttpRequest) -> HttpResponse:
    """The secret is on this page only."""
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _page(request, keys_form=form, status=400)
    try:
        _, secret = create_api_key(user=page_user(request), **form.fields_of_key())
    except ServiceError as error:
        form.add_error(None, error.message)
        return _page(request, keys_form=form, status=400)
    return _page(request, secret=secret)


@require_POST
@login_required
def revoke_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """It logs nobody in any more."""
    key = find_api_key_of(user=page_user(request), key_id=key_id)
    if key is None:
        raise Http404("There is no such key.")
    revoke_api_key(key=key)
    return redirect("account")


@require_POST
@login_required
def end_login(request: HttpRequest, device_id: str) -> HttpResponse:
    """Log a device out, with its sockets."""
    try:
        end_device(user=page_user(request), device_id=device_id)
    except NotFound as error:
        raise Http404(error.message) from error
    return redirect("account")


@require_POST
@login_required
def export(request: HttpRequest) -> StreamingHttpResponse:
    """All one's data in one file, made while it is sent."""
    name = f"parley-{timezone.now():%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(takeout(page_user(request)), content_type="application/zip", headers=headers)


@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def delete(request: HttpRequest) -> HttpResponse:
    """The account and all that is in it, after the password and the name."""
    user = page_user(request)
    form = DeletionForm(request.POST or None, username=user.username)
    if request.method != "POST" or not form.is_valid():
        return render(request, "account/delete.html", {"form": form})
    try:
        delete_account(user=user)
    except ServiceError as error:
        form.add_error(None, error.message)
        return render(request, "account/delete.html", {"form": form}, status=400)
    logout(request)
    return render(request, "account/deleted.html")


def _page(
    request: HttpRequest, *, keys_form: ApiKeyForm | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    user = page_user(request)
    context = {
        "keys": list_api_keys(user),
        "keys_form": keys_form or ApiKeyForm(),
        "secret": secret,
        "devices": list_devices(user, current=request.session.session_key or ""),
        "has_second_factor": is_mfa_enabled(user),
        "recommendations": recommend(user=user),
    }
    return render(request, "account/account.html", context, status=status)
