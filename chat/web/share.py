"""Taking a session out: the link that shows it to anybody, and files to bring others in."""

from __future__ import annotations

import json
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.models import ChatSession, User
from chat.selectors.share_links import find_link, shared_messages
from chat.services.errors import InvalidRequest, ServiceError
from chat.services.share_links import revoke_link, share_session
from chat.services.transfer import import_sessions
from chat.web.forms import NewSessionForm
from chat.web.sidebar import page_user, read_shelf


class ImportForm(forms.Form):
    """A file of chats."""

    file = forms.FileField(
        label=gettext_lazy("JSON file of Parley's or ChatGPT's"),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )


@require_POST
@login_required
def share(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Make the link, or let it show what was said since."""
    try:
        link = share_session(user=page_user(request), session_id=session_id)
    except ServiceError as error:
        raise Http404(error.message) from error
    return _state(request, link.session)


@require_POST
@login_required
def revoke(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The link leads nowhere from now on."""
    try:
        revoke_link(user=page_user(request), session_id=session_id)
    except ServiceError as error:
        raise Http404(error.message) from error
    return _state(request, ChatSession.objects.get(id=session_id))


@require_safe
@never_cache
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """For anybody who has the link."""
    link = find_link(token)
    if link is None:
        raise Http404("There is no such page.")
    context = {"link": link, "shown": shared_messages(link)}
    response = render(request, "chat/shared.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def bring_in(request: HttpRequest) -> HttpResponse:
    """Sessions from a file."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _import(page_user(request), form.cleaned_data["file"])
            return redirect("session", made[0].id)
        except ServiceError as error:
            form.add_error("file", error.message)
    context = {"bring_in": form, "form": NewSessionForm(user=page_user(request))} | read_shelf(request)
    return render(request, "chat/import.html", context, status=400 if form.errors else 200)


def _import(user: User, file: UploadedFile[bytes]) -> list[ChatSession]:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if (file.size or 0) > limit:
        raise InvalidRequest(
            _("The file is too large: at most %(limit)s bytes.") % {"limit": limit}, field="file"
        )
    try:
        found = json.loads(file.read())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(_("This is no JSON file."), field="file") from error
    return import_sessions(user=user, files=found if isinstance(found, list) else [found])


def _state(request: HttpRequest, session: ChatSession) -> HttpResponse:
    if "HX-Request" in request.headers:
        return render(request, "chat/share_state.html", {"session": session})
    return redirect("session", session.id)
