"""A conversation behind glass: opened by a moderator for a written reason, for some minutes."""

from __future__ import annotations

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from chat.models import ChatMessage, ChatSession
from chat.selectors.private_access import find_access, may_read
from chat.services.errors import ServiceError
from chat.services.private_access import open_private
from chat.web.moderation.access import console, where_next
from chat.web.moderation.forms import GlassForm
from chat.web.sidebar import page_user

MOST_MESSAGES = 200


@require_http_methods(["GET", "HEAD", "POST"])
@console("chat.read_private")
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
def conversation(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The conversation, or the form that opens it: for whoever has proved lately that it is really them."""
    session = ChatSession.objects.select_related("owner").filter(id=session_id).first()
    if session is None:
        raise Http404("There is no such conversation.")
    user = page_user(request)
    form = GlassForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            open_private(actor=user, session_id=session_id, **form.cleaned_data)
        except ServiceError as error:
            form.add_error("reason", error.message)
        else:
            return redirect(where_next(request, request.path))
    if form.is_bound or not may_read(user=user, session_id=session_id):
        return _ask(request, session, form)
    rows = ChatMessage.objects.filter(session=session).select_related("author").order_by("-created_at", "-id")
    context = {
        "conversation": session,
        "rows": list(rows[:MOST_MESSAGES])[::-1],
        "access": find_access(actor=user, session_id=session_id),
    }
    return render(request, "chat/moderation/conversation.html", context)


def _ask(request: HttpRequest, session: ChatSession, form: GlassForm) -> HttpResponse:
    context = {
        "conversation": session,
        "form": form,
        "next": where_next(request, ""),
        "minutes": settings.PRIVATE_READ_MINUTES,
        "is_told": settings.PRIVATE_READ_NOTICES,
    }
    return render(request, "chat/moderation/glass.html", context, status=400 if form.errors else 200)
