"""Following an invitation to a chat."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from chat.services.errors import ServiceError
from chat.services.participants import accept_invitation
from chat.web.sidebar import page_user


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to take part, and then do: a link that is only looked at joins nothing."""
    if request.method != "POST":
        return render(request, "chat/join.html")
    try:
        part = accept_invitation(user=page_user(request), token=token)
    except ServiceError as error:
        return render(request, "chat/join.html", {"problem": error.message}, status=404)
    return redirect("session", part.session_id)
