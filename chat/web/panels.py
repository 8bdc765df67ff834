"""The chat panel in a frame on somebody else's page, and the script that puts it there.

No cookie is read or set: a frame of another site may not have any. Its visitor's token comes in a header.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID

import msgspec
from allauth.account.adapter import get_adapter
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from chat.models import Panel
from chat.realtime.tickets import issue_ticket
from chat.selectors.sessions import participant_role
from chat.services.errors import NotLoggedIn, ServiceError, TooManyRequests, Unavailable
from chat.services.panels import Visit, come_back, welcome
from chat.web.pages import PageUrls, as_json, read_page, read_transcript, socket_path
from chat.web.pwa import built_file

TOKEN = "X-Panel-Token"  # noqa: S105  a header's name
STATUS: dict[type[ServiceError], int] = {NotLoggedIn: 401, TooManyRequests: 429, Unavailable: 503}
View = Callable[[HttpRequest, Panel], HttpResponse]


def _of_panel(view: View) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """The view of an enabled panel; a refusal is said in JSON."""

    @wraps(view)
    def answer(request: HttpRequest, panel_id: UUID) -> HttpResponse:
        panel = get_object_or_404(Panel, id=panel_id, is_enabled=True)
        try:
            return view(request, panel)
        except ServiceError as error:
            return _refused(error)

    return answer


@require_safe
@cache_control(max_age=3600)
def script(request: HttpRequest) -> HttpResponse:
    """`/embed.js`: its address stays, whatever is built."""
    return built_file("embed.js")


@require_safe
@never_cache
@xframe_options_exempt
@_of_panel
def frame(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The page in the frame; a browser shows it on pages of the allowed origins only."""

    page = render(request, "chat/panel.html", {"panel": panel})
    framed = csp_replace({"frame-ancestors": panel.allowed_origins or ["'none'"]})
    framed(lambda request: page)(request)
    return page


@csrf_exempt
@require_POST
@_of_panel
def visit(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The visitor's chat: the one of the token, or a new one."""
    try:
        found = _visit(request, panel)
    except NotLoggedIn:
        found = welcome(panel=panel, address=get_adapter().get_client_ip(request))
    urls = PageUrls(
        socket=socket_path(found.session.id),
        transcript=reverse("panel_transcript", args=[panel.id]),
        page="",
        login="",
    )
    page = msgspec.structs.replace(read_page(found.session, user=found.user), urls=urls, max_upload_bytes=0)
    return JsonResponse({"token": found.token, "page": as_json(page)})


@csrf_exempt
@require_POST
@_of_panel
def ticket(request: HttpRequest, panel: Panel) -> HttpResponse:
    """Opens one socket."""
    return JsonResponse({"ticket": issue_ticket(user_id=_visit(request, panel).user.id)})


@require_safe
@never_cache
@_of_panel
def transcript(request: HttpRequest, panel: Panel) -> HttpResponse:
    """What was said."""
    visit = _visit(request, panel)
    role = participant_role(user_id=visit.user.id, session_id=visit.session.id)
    return JsonResponse(as_json(read_transcript(visit.session, role=role)))


def _visit(request: HttpRequest, panel: Panel) -> Visit:
    return come_back(panel=panel, token=request.headers.get(TOKEN, ""))


def _refused(error: ServiceError) -> HttpResponse:
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
    response = JsonResponse({"details": {"message": error.message}}, status=status)
    if isinstance(error, TooManyRequests | Unavailable):
        response["Retry-After"] = str(error.retry_after)
    return response
