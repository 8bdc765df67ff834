"""The audit log, for those who may read it."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chat.models import AuditEntry
from chat.selectors.audit import list_entries
from chat.web.moderation.access import console

PAGES = {"case": "case", "user": "person", "chatsession": "session_report"}
"""Where an entry's subject is looked at, by its type."""


class EntriesForm(forms.Form):
    """Which entries. What cannot be understood filters nothing."""

    actor = forms.CharField(label=_("Who"), max_length=150, required=False)
    action = forms.CharField(label=_("What"), max_length=100, required=False)
    subject = forms.CharField(label=_("About (its number)"), max_length=100, required=False)
    before = forms.IntegerField(min_value=1, max_value=2**62, required=False)


@require_safe
@console("chat.view_audit")
def audit(request: HttpRequest) -> HttpResponse:
    """The newest first."""
    form = EntriesForm(request.GET)
    form.is_valid()
    page = list_entries(**form.cleaned_data)
    query = request.GET.copy()
    query["before"] = str(page.next_number)
    context = {
        "page": page,
        "rows": [(entry, _link(entry), _details(entry)) for entry in page.entries],
        "form": form,
        "more": f"?{query.urlencode()}" if page.next_number else "",
    }
    return render(request, "chat/moderation/audit.html", context)


def _details(entry: AuditEntry) -> list[tuple[str, object]]:
    return [(name, value) for name, value in entry.data.items() if value]


def _link(entry: AuditEntry) -> str:
    """To a page about its subject, where there is one."""
    try:
        return reverse(PAGES[entry.subject_type], args=[UUID(entry.subject_id)])
    except (KeyError, ValueError):
        return ""
