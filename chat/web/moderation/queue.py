"""The queue: cases in their order, one case with what was said around it, decisions and appeals."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chat.models import Case
from chat.selectors.moderation import case_context, find_case, list_appeals, list_cases
from chat.services.errors import ServiceError
from chat.services.holds import is_case_held
from chat.services.moderation.appeals import decide_appeal
from chat.services.moderation.cases import claim_case, decide_case, decide_cases, release_case
from chat.services.moderation.reading import note_reading
from chat.services.moderation.rights import is_own
from chat.web.moderation.access import attempt, console, done, where_next
from chat.web.moderation.forms import (
    DecisionForm,
    FilterForm,
    JudgementForm,
    first_problem,
    read_chosen,
)
from chat.web.moderation.words import describe
from chat.web.sidebar import page_user

VIEW, DECIDE = "chat.view_moderation", "chat.decide_cases"
WINDOW = 2
"""So many messages before and after the one that a case is about."""


@require_safe
@console(VIEW)
def queue(request: HttpRequest) -> HttpResponse:
    """The most urgent first."""
    return _queue(request, request.GET, DecisionForm(templates=False))


@require_POST
@console(DECIDE)
def decide_many(request: HttpRequest) -> HttpResponse:
    """One verdict for the cases that were ticked; those it does not fit say why, and stay ticked."""
    form, chosen = DecisionForm(request.POST, templates=False), read_chosen(request.POST.getlist("case"))
    back = where_next(request, reverse("queue"))
    ticked, problems, status = {case_id for case_id, _version in chosen}, list[str](), 409
    if not chosen or not form.is_valid():
        problems = [_("Choose cases and a decision.") if not chosen else first_problem(form)]
        status = 400
    else:
        try:
            result = decide_cases(actor=page_user(request), cases=chosen, verdict=form.verdict())
        except ServiceError as error:
            problems = [error.message]
        else:
            ticked = set(result.refused)
            told = {str(case_id)[:8]: why for case_id, why in result.refused.items()}
            problems = [_("Case %(id)s: %(why)s") % {"id": id_, "why": why} for id_, why in told.items()]
            if result.decided:
                messages.success(request, _("%(count)s decided.") % {"count": len(result.decided)})
    for problem in problems:
        messages.error(request, problem)
    if not problems:
        return redirect(back)
    return _queue(request, QueryDict(urlsplit(back).query), form, ticked=ticked, status=status)


@require_safe
@console(VIEW)
def case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """One case; looking at it is an entry of the audit log."""
    return _page(request, case_id)


@require_POST
@console(DECIDE)
def claim(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Take it, or with `release` give it back."""
    is_release = "release" in request.POST
    act = release_case if is_release else claim_case
    success = _("The case is in the queue again.") if is_release else _("The case is yours.")
    return done(request, lambda: act(actor=page_user(request), case_id=case_id), success, _url(case_id))


@require_POST
@console(DECIDE)
def decide(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Decide it as it was when the page was made."""
    form, user, version = DecisionForm(request.POST), page_user(request), _version(request)
    return attempt(
        request,
        form,
        lambda: decide_case(actor=user, case_id=case_id, version=version, verdict=form.verdict()),
        success=_("The case is decided."),
        then=_url(case_id),
        again=lambda status: _page(request, case_id, decision=form, status=status),
    )


@require_safe
@console(VIEW)
def appeals(request: HttpRequest) -> HttpResponse:
    """Those that wait for a second moderator."""
    context = {"appeals": list_appeals(), "me": page_user(request).id}
    return render(request, "chat/moderation/appeals.html", context)


@require_POST
@console(DECIDE)
def judge(request: HttpRequest, case_id: UUID, appeal_id: UUID) -> HttpResponse:
    """Let a colleague's decision stand, or take it back."""
    form = JudgementForm(request.POST)

    def act() -> None:
        decide_appeal(
            actor=page_user(request),
            appeal_id=appeal_id,
            version=_version(request),
            overturn=request.POST.get("overturn") == "yes",
            reason=form.cleaned_data["reason"],
        )

    return attempt(
        request,
        form,
        act,
        success=_("The appeal is decided."),
        then=_url(case_id),
        again=lambda status: _page(request, case_id, judgement=form, status=status),
    )


def _queue(
    request: HttpRequest,
    query: QueryDict,
    bulk: DecisionForm,
    *,
    ticked: Collection[UUID] = (),
    status: int = 200,
) -> HttpResponse:
    filters = FilterForm(query)
    page = list_cases(filters.filters(page_user(request)), after_id=_id(query.get("after", "")))
    more = query.copy()
    more["after"] = str(page.next_id)
    context = {
        "page": page,
        "filters": filters,
        "bulk": bulk,
        "ticked": ticked,
        "here": reverse("queue", query=query),
        "more": reverse("queue", query=more) if page.next_id else "",
    }
    return render(request, "chat/moderation/queue.html", context, status=status)


def _page(
    request: HttpRequest,
    case_id: UUID,
    *,
    decision: DecisionForm | None = None,
    judgement: JudgementForm | None = None,
    status: int = 200,
) -> HttpResponse:
    found, user = _find(case_id), page_user(request)
    if is_own(found, user):
        raise PermissionDenied(_("Another moderator has to decide a case about yourself."))
    note_reading(actor=user, case=found)
    around = case_context(found, window=WINDOW)
    context = {
        "context": around,
        "history": [(event, describe(event)) for event in around.events],
        "case": found,
        "decision": decision or DecisionForm(),
        "judgement": judgement or JudgementForm(),
        "is_mine": found.assignee_id == user.id,
        "is_held": is_case_held(found),
        "may_judge": user.id not in (found.decided_by_id, found.subject_id),
    }
    return render(request, "chat/moderation/case.html", context, status=status)


def _find(case_id: UUID) -> Case:
    found = find_case(case_id)
    if found is None:
        raise Http404("There is no such case.")
    return found


def _url(case_id: UUID) -> str:
    return reverse("case", args=[case_id])


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _version(request: HttpRequest) -> int:
    """As the page had it; 0, which no case has, where it had none."""
    given = request.POST.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
