"""People: finding them, their history, letting them in, keeping them out, inviting others."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.models import User
from chat.selectors.moderation import user_history
from chat.selectors.people import list_people
from chat.services.accounts import approve_user, invite_people
from chat.services.errors import Conflict, ServiceError
from chat.services.moderation.keeping_out import keep_out, let_in
from chat.web.moderation.access import attempt, console, done
from chat.web.moderation.forms import InvitationForm, PeopleForm, SuspensionForm
from chat.web.sidebar import page_user

VIEW, SUSPEND, APPROVE = "chat.view_moderation", "chat.suspend_users", "chat.approve_users"


@require_safe
@console(VIEW)
def people(request: HttpRequest) -> HttpResponse:
    """By name, those whose name or address begins so."""
    form = PeopleForm(request.GET)
    page = list_people(**form.filters(), after=request.GET.get("after", "").replace("\x00", ""))
    query = request.GET.copy()
    query["after"] = page.next_name
    context = {"page": page, "filters": form, "more": f"?{query.urlencode()}" if page.next_name else ""}
    return render(request, "chat/moderation/people.html", context)


@require_safe
@console(VIEW)
def person(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """What was decided about somebody, and how their own reports did."""
    return _page(request, _find(user_id), SuspensionForm())


@require_POST
@console(SUSPEND)
def suspend(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Keep somebody out, for a while or for good."""
    found, form = _find(user_id), SuspensionForm(request.POST)
    return attempt(
        request,
        form,
        lambda: keep_out(user=found, by=page_user(request), **form.suspension()),
        success=_("%(name)s is kept out.") % {"name": found.username},
        then=reverse("person", args=[user_id]),
        again=lambda status: _page(request, found, form, status=status),
    )


@require_POST
@console(SUSPEND)
def readmit(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """End a suspension or a ban."""
    found = _find(user_id)
    return _done(request, found, lambda by: let_in(user=found, by=by), _("%(name)s is let in again."))


@require_POST
@console(APPROVE)
def approve(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Let somebody in who waits for it."""
    found = _find(user_id)

    def act(by: User) -> None:
        if not approve_user(user=found, by=by):
            raise Conflict("%(who)s does not wait to be let in.", values={"who": found.username})

    return _done(request, found, act, _("%(name)s is approved."))


@require_http_methods(["GET", "HEAD", "POST"])
@console(APPROVE)
def invite(request: HttpRequest) -> HttpResponse:
    """A link to sign up with, which is on this page only."""
    form = InvitationForm(request.POST if request.method == "POST" else None)
    link = ""
    if form.is_valid():
        try:
            token = invite_people(**form.cleaned_data, by=page_user(request))
            link = request.build_absolute_uri(reverse("join", args=[token]))
        except ServiceError as error:
            form.add_error(None, error.message)
    status = 400 if form.errors else 200
    context = {"form": form, "link": link, "mode": settings.SIGNUP_MODE}
    return render(request, "chat/moderation/invite.html", context, status=status)


def _done(request: HttpRequest, user: User, act: Callable[[User], object], success: str) -> HttpResponse:
    return done(
        request,
        lambda: act(page_user(request)),
        success % {"name": user.username},
        reverse("person", args=[user.id]),
    )


def _page(request: HttpRequest, user: User, form: SuspensionForm, *, status: int = 200) -> HttpResponse:
    context = {"person": user, "history": user_history(user), "form": form}
    return render(request, "chat/moderation/person.html", context, status=status)


def _find(user_id: UUID) -> User:
    found = User.objects.filter(id=user_id).first()
    if found is None:
        raise Http404("There is no such user.")
    return found
