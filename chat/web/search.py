"""Searching the messages of all one's sessions."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat.models import User
from chat.sealed import is_sealing
from chat.selectors.search import Filters, search_messages
from chat.selectors.shelf import list_titles
from chat.web.forms import NewSessionForm
from chat.web.sidebar import page_user, read_shelf

MOST_PAGES = 100


class SearchForm(forms.Form):
    """The words, and where to look."""

    words = forms.CharField(
        label=_("Words"), required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search"})
    )
    session = forms.TypedChoiceField(label=_("Chat"), required=False, coerce=UUID, empty_value=None)
    date_from = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    date_to = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        """The choices are the user's sessions."""
        super().__init__(*args, **kwargs)
        field = self.fields["session"]
        if isinstance(field, forms.ChoiceField):
            titles = [(str(id_), title or _("Untitled chat")) for id_, title in list_titles(user=user)]
            field.choices = [("", _("All chats")), *titles]

    @property
    def filters(self) -> Filters:
        """Days are those of UTC, both included."""
        last = self.cleaned_data["date_to"]
        return Filters(
            session_id=self.cleaned_data["session"],
            date_from=_midnight(self.cleaned_data["date_from"]),
            date_to=_midnight(last + timedelta(days=1) if last else None),
        )


@require_safe
@never_cache
@login_required
def search(request: HttpRequest) -> HttpResponse:
    """`words`, `session`, `date_from`, `date_to`, `page`; HTMX takes the results alone."""
    user = page_user(request)
    form = SearchForm(request.GET, user=user)
    asked = request.GET.get("page", "")
    number = max(1, min(int(asked), MOST_PAGES)) if asked.isascii() and asked.isdigit() else 1
    words = form.cleaned_data["words"] if form.is_valid() else ""
    may_search = not is_sealing()
    wanted = words and may_search
    found = search_messages(user=user, query=words, filters=form.filters, page=number) if wanted else None
    following = request.GET.copy()
    following["page"] = str(number + 1)
    context = {"search": form, "words": words, "found": found, "more": following.urlencode()}
    context["may_search"] = may_search
    if "HX-Request" in request.headers:
        return render(request, "chat/search_results.html", context)
    return render(
        request,
        "chat/search.html",
        context | {"form": NewSessionForm(user=page_user(request))} | read_shelf(request),
    )


def _midnight(day: Any) -> datetime | None:
    return datetime.combine(day, time.min, UTC) if day else None
