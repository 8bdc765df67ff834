"""The list of sessions beside every page. HTMX changes it in place; without it every form loads a page."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from chat.models import Deletion, User
from chat.selectors.shelf import find_entry, list_shelf
from chat.services.arranging import arrange_session
from chat.services.errors import NotFound, ServiceError
from chat.services.messages import clear_session
from chat.services.sessions import delete_session, update_session

MOST_PAGES = 1000


@require_safe
@never_cache
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """One page of the list's rows: `q`, `folder`, `tag`, `archived`, `page`."""
    return render(request, "chat/session_rows.html", read_shelf(request))


@require_safe
@never_cache
def meta(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What the row of one session says beside its title, for a page that is open."""
    if not request.user.is_authenticated:
        return HttpResponse(status=204)
    entry = find_entry(user=page_user(request), session_id=session_id)
    if entry is None:
        raise Http404("There is no such chat.")
    return render(request, "chat/session_meta.html", {"entry": entry, "item": entry.session})


@require_POST
@login_required
def arrange(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """`is_pinned`, `is_archived`: yes or no; `folder`: a name, or nothing."""
    flags = {
        name: request.POST[name] == "yes" for name in ("is_pinned", "is_archived") if name in request.POST
    }
    try:
        arrange_session(
            user=page_user(request), session_id=session_id, folder=request.POST.get("folder"), **flags
        )
    except ServiceError as error:
        return _refused(request, error, session_id)
    return _again(request, session_id)


@require_POST
@login_required
def rename(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """`title`: the new one."""
    title = " ".join(request.POST.get("title", "").split())
    try:
        update_session(user=page_user(request), session_id=session_id, title=title)
    except ServiceError as error:
        return _refused(request, error, session_id)
    return _again(request, session_id)


@require_POST
@login_required
def tag(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """`tags`: names with commas between them."""
    names = [" ".join(name.split()) for name in request.POST.get("tags", "").split(",")]
    try:
        # In their order, each once.
        tags = list(dict.fromkeys(filter(None, names)))
        update_session(user=page_user(request), session_id=session_id, tags=tags)
    except ServiceError as error:
        return _refused(request, error, session_id)
    return _again(request, session_id)


@require_POST
@login_required
def clear(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """All its messages are gone; for a moment that can be taken back."""
    try:
        _, deletion = clear_session(user=page_user(request), session_id=session_id)
    except ServiceError as error:
        return _refused(request, error, session_id)
    return _undoable(_again(request, session_id), deletion)


@require_POST
@login_required
def delete(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """With all its messages; for a moment that can be taken back."""
    try:
        deletion = delete_session(user=page_user(request), session_id=session_id)
    except ServiceError as error:
        return _refused(request, error, session_id)
    is_shown = request.POST.get("shown") == str(session_id)
    response = _go(request, reverse("home")) if is_shown else _again(request, None)
    return _undoable(response, deletion)


def _undoable(response: HttpResponse, deletion: Deletion | None) -> HttpResponse:
    """Tell the page what `frontend/src/pages/undo.ts` offers to take back."""
    if deletion is not None:
        told = {"deletion_id": str(deletion.id), "undo_seconds": settings.UNDO_SECONDS}
        response["HX-Trigger"] = json.dumps({"parley-deleted": told})
    return response


def read_shelf(request: HttpRequest) -> dict[str, Any]:
    """What the template of the list shows."""
    asked = request.GET.get("page", "")
    number = min(int(asked), MOST_PAGES) if asked.isascii() and asked.isdigit() else 1
    chosen = {name: request.GET.get(name, "").strip() for name in ("q", "folder", "tag")}
    is_archived = request.GET.get("archived") == "yes"
    shelf = list_shelf(user=page_user(request), number=max(number, 1), is_archived=is_archived, **chosen)
    return {
        "shelf": shelf,
        "is_archived": is_archived,
        "shown": request.POST.get("shown") or request.GET.get("shown", ""),
    } | chosen


def _again(request: HttpRequest, session_id: UUID | None) -> HttpResponse:
    """The list anew, or without HTMX the page it is part of."""
    if "HX-Request" in request.headers:
        return render(request, "chat/session_rows.html", read_shelf(request))
    return redirect("session", session_id) if session_id else redirect("home")


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _refused(request: HttpRequest, error: ServiceError, session_id: UUID) -> HttpResponse:
    """The list anew, with what was typed in the row that it was typed in."""
    if isinstance(error, NotFound):
        raise Http404("There is no such chat.")
    refused = request.POST.dict() | {"id": session_id}
    context = {"problem": error.message, "refused": refused} | read_shelf(request)
    return render(request, "chat/session_rows.html", context)


def page_user(request: HttpRequest) -> User:
    """Who looks at a page that needs a login."""
    if not isinstance(request.user, User):
        raise TypeError("this page needs a login")
    return request.user
