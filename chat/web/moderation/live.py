"""The live view: replies in the making, workers and queues, and the switches."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chat.models import ACTIVE, HoldKind
from chat.selectors.live import find_live, read_live
from chat.selectors.operating import read_banner
from chat.selectors.private_access import may_read
from chat.services.operating import hold, kill_generation, lift, set_banner
from chat.web.moderation.access import attempt, console, done, with_next
from chat.web.moderation.forms import BannerForm, KillForm
from chat.web.sidebar import page_user

VIEW = "chat.view_moderation"


@require_safe
@console(VIEW)
def live(request: HttpRequest) -> HttpResponse:
    """Everything at once; the browser keeps it fresh."""
    return _live(request, BannerForm(initial={"text": read_banner()}))


@require_safe
@console(VIEW)
def live_now(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "chat/moderation/live_now.html", {"live": read_live()})


@require_safe
@console(VIEW)
def reply(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    """One reply: its text as it streams, for those who may read it, and the kill switch."""
    return _reply(request, generation_id, KillForm())


@require_POST
@console("chat.kill_generations")
def kill(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    """Stop a reply; its readers see the reason."""
    form = KillForm(request.POST)
    return attempt(
        request,
        form,
        lambda: kill_generation(actor=page_user(request), generation_id=generation_id, **form.cleaned_data),
        success=_("The reply is stopped."),
        then=reverse("live_reply", args=[generation_id]),
        again=lambda status: _reply(request, generation_id, form, status=status),
    )


@require_POST
@console("chat.drain_workers")
def switch(request: HttpRequest, kind: HoldKind) -> HttpResponse:
    """Hold a worker or a queue back (`held`: yes), or let it go on."""
    is_held, name = request.POST.get("held") == "yes", request.POST.get("name", "")
    act = hold if is_held else lift
    success = (_("%(name)s takes nothing new.") if is_held else _("%(name)s goes on.")) % {"name": name}
    return done(
        request, lambda: act(actor=page_user(request), kind=kind, name=name), success, reverse("live")
    )


@require_POST
@console("chat.drain_workers")
def change_banner(request: HttpRequest) -> HttpResponse:
    """Set the sentence above every page, or take it away."""
    form = BannerForm(request.POST)
    is_set = bool(request.POST.get("text", "").strip())
    return attempt(
        request,
        form,
        lambda: set_banner(actor=page_user(request), **form.cleaned_data),
        success=_("The banner is set.") if is_set else _("There is no banner."),
        then=reverse("live"),
        again=lambda status: _live(request, form, status=status),
    )


@require_safe
def banner(request: HttpRequest) -> HttpResponse:
    """The sentence alone, for pages that are open."""
    if not request.user.is_authenticated:
        return HttpResponse(status=204)
    return render(request, "chat/banner_text.html")


def _live(request: HttpRequest, form: BannerForm, *, status: int = 200) -> HttpResponse:
    context = {"live": read_live(), "banner_form": form}
    return render(request, "chat/moderation/live.html", context, status=status)


def _reply(request: HttpRequest, generation_id: UUID, form: KillForm, *, status: int = 200) -> HttpResponse:
    row = find_live(generation_id)
    if row is None:
        raise Http404("There is no such reply.")
    here = reverse("live_reply", args=[generation_id])
    context = {
        "reply": row,
        "kill": form,
        "is_active": row.status in ACTIVE,
        "may_read": may_read(user=page_user(request), session_id=row.session_id),
        "stream_url": f"/api/v1/chat/generations/{row.id}/stream",
        "read_url": with_next(reverse("moderation_conversation", args=[row.session_id]), here),
    }
    return render(request, "chat/moderation/reply.html", context, status=status)
