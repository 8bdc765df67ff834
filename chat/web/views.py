"""The pages: log in, start a chat, chat."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from chat.models import ChatMessage, ChatSession, User
from chat.selectors.messages import message_after
from chat.selectors.sessions import find_session, list_sessions, participant_role
from chat.services.errors import ServiceError
from chat.services.logins import tell_login_changed
from chat.services.sessions import create_session
from chat.services.turns import start_turn
from chat.web.forms import NewSessionForm
from chat.web.pages import (
    EARLIER_MESSAGES,
    TRANSCRIPT_MESSAGES,
    as_json,
    read_page,
    read_transcript,
)
from chat.web.sidebar import page_user, read_shelf

# Messages that are shown after one that was looked for.
CONTEXT_AFTER = 30
EXPORT_FORMATS = (("md", "Markdown"), ("pdf", "PDF"), ("txt", "Text"), ("json", "JSON"))


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The most recent session, or a first message to write."""
    latest = list_sessions(user=page_user(request), page_size=1).sessions
    if latest:
        return redirect("session", latest[0].id)
    return _welcome(request, NewSessionForm(user=page_user(request)))


@require_POST
@login_required
def new_session(request: HttpRequest) -> HttpResponse:
    """Create a session, with a first message if one was written, and go there."""
    form = NewSessionForm(request.POST, user=page_user(request))
    if not form.is_valid():
        return _welcome(request, form, status=400)
    content = form.cleaned_data.pop("content")
    try:
        # Together, so that a message refused leaves no empty session behind.
        with transaction.atomic():
            session = create_session(user=page_user(request), **form.cleaned_data)
            if content.strip():
                start_turn(user=page_user(request), session_id=session.id, content=content)
    except ServiceError as error:
        form.add_error(None, error.message)
        return _welcome(request, form, status=400)
    return redirect("session", session.id)


@require_safe
@never_cache
@login_required
def session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """A chat. `?before=ID` shows the messages before one of them, `?message=ID` those around it."""
    found = _find_session(request, session_id)
    message = _named(request, found, "message")
    before = message_after(message, CONTEXT_AFTER) if message else _named(request, found, "before")
    page = read_page(found, user=page_user(request), before=before, shown=message)
    context = {
        "session": found,
        "page": as_json(page),
        "form": NewSessionForm(user=page_user(request)),
        "is_owner": found.owner_id == page_user(request).id,
        "export_formats": EXPORT_FORMATS,
    }
    response = render(request, "chat/session.html", context | read_shelf(request))
    if found.is_temporary:
        response["X-Kept-Offline"] = "no"
    return response


@require_safe
@never_cache
@login_required
def transcript(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The same messages as data, for a page that was away."""
    found = _find_session(request, session_id)
    before = _named(request, found, "before")
    limit = EARLIER_MESSAGES if before else TRANSCRIPT_MESSAGES
    role = participant_role(user_id=page_user(request).id, session_id=found.id)
    return JsonResponse(as_json(read_transcript(found, role=role, before=before, limit=limit)))


class LogOut(LogoutView):
    """Ends the login, and with it the sockets that were opened by it."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Where to go next."""
        user = request.user
        response = super().post(request, *args, **kwargs)
        if isinstance(user, User):
            tell_login_changed(user.id)
        # Beside what the service worker forgets by itself.
        response["Clear-Site-Data"] = '"cache"'
        return response


def _welcome(request: HttpRequest, form: NewSessionForm, *, status: int = 200) -> HttpResponse:
    return render(request, "chat/home.html", {"form": form} | read_shelf(request), status=status)


def _find_session(request: HttpRequest, session_id: UUID) -> ChatSession:
    found = find_session(user=page_user(request), session_id=session_id)
    if found is None:
        raise Http404("There is no such chat.")
    return found


def _named(request: HttpRequest, session: ChatSession, name: str) -> ChatMessage | None:
    given = request.GET.get(name)
    if not given:
        return None
    try:
        message_id = UUID(given)
    except ValueError:
        raise Http404("There is no such message.") from None
    message = session.messages.filter(id=message_id).first()
    if message is None:
        raise Http404("There is no such message.")
    return message
