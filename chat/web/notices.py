"""What moderators have told me, my appeals, and my reports of messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.models import Notice, ReportKind
from chat.selectors.moderation import list_notices
from chat.services.access import find_readable
from chat.services.errors import NotFound, ServiceError
from chat.services.moderation.appeals import appeal_decision
from chat.services.moderation.notices import MOST_WORDS as MOST_APPEAL_WORDS
from chat.services.moderation.notices import read_notice
from chat.services.moderation.reports import MOST_WORDS, report_message
from chat.web.forms import NewSessionForm
from chat.web.sidebar import page_user, read_shelf

KINDS = [
    (ReportKind.SPAM, gettext_lazy("Spam")),
    (ReportKind.HARASSMENT, gettext_lazy("Harassment")),
    (ReportKind.HATE, gettext_lazy("Hate or discrimination")),
    (ReportKind.SEXUAL, gettext_lazy("Sexual content")),
    (ReportKind.VIOLENCE, gettext_lazy("Violence")),
    (ReportKind.SELF_HARM, gettext_lazy("Self-harm")),
    (ReportKind.PERSONAL_DATA, gettext_lazy("Somebody's personal data")),
    (ReportKind.ILLEGAL, gettext_lazy("Something illegal")),
    (ReportKind.OTHER, gettext_lazy("Something else")),
]


class ReportForm(forms.Form):
    """What is wrong with a message."""

    kind = forms.ChoiceField(label=gettext_lazy("What is wrong with it?"), choices=KINDS)
    words = forms.CharField(
        label=gettext_lazy("In your own words"),
        max_length=MOST_WORDS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class AppealForm(forms.Form):
    """Why a decision is wrong."""

    words = forms.CharField(
        label=gettext_lazy("Why is the decision wrong?"),
        max_length=MOST_APPEAL_WORDS,
        error_messages={"required": gettext_lazy("Say why the decision is wrong.")},
        widget=forms.Textarea(attrs={"rows": 4}),
    )


@require_safe
@never_cache
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """The newest first; what is shown has been read."""
    return _notices(request)


@require_POST
@login_required
def appeal(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Ask for a second moderator."""
    form = AppealForm(request.POST, auto_id=f"{notice_id}-%s")
    if form.is_valid():
        try:
            appeal_decision(user=page_user(request), notice_id=notice_id, **form.cleaned_data)
        except NotFound:
            raise Http404("There is no such notice.") from None
        except ServiceError as error:
            form.add_error("words", error.message)
    return _notices(request, refused={notice_id: form}, status=400) if form.errors else redirect("notices")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def report(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Tell moderators of a message that one may read."""
    user = page_user(request)
    try:
        message = find_readable(user=user, message_id=message_id)
    except NotFound:
        raise Http404("There is no such message.") from None
    form = ReportForm(request.POST or None)
    if form.is_valid():
        kind, words = ReportKind(form.cleaned_data["kind"]), form.cleaned_data["words"]
        try:
            report_message(user=user, message_id=message_id, kind=kind, words=words)
        except ServiceError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Thank you. A moderator will look at it."))
            return redirect("notices")
    context = {"report": form, "message": message}
    return _page(request, "chat/report.html", context, status=400 if form.errors else 200)


def _notices(
    request: HttpRequest, *, refused: Mapping[UUID, AppealForm] = MappingProxyType({}), status: int = 200
) -> HttpResponse:
    user = page_user(request)
    rows = list_notices(user)
    for row in rows:
        if row.read_at is None:
            read_notice(user=user, notice_id=row.id)
    forms_of = {row.id: refused.get(row.id) or AppealForm(auto_id=f"{row.id}-%s") for row in rows}
    context = {"notices": [(row, _appeal_of(row), forms_of[row.id]) for row in rows]}
    return _page(request, "chat/notices.html", context, status=status)


def _appeal_of(notice: Notice) -> Any:
    return getattr(notice.case, "appeal", None) if notice.is_appealable else None


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    shell = {"form": NewSessionForm(user=page_user(request))} | read_shelf(request)
    return render(request, template, context | shell, status=status)
