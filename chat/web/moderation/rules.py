"""Content rules: written, tried on a sample, and given another action for the members of a group."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import Group
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.models import ContentRule, RuleAction
from chat.selectors.content_rules import list_rules
from chat.services.errors import ServiceError
from chat.services.moderation.rights import RULES
from chat.services.moderation.rules import delete_rule, save_rule, set_policy, try_rule
from chat.web.moderation.access import console, done
from chat.web.moderation.forms import first_problem
from chat.web.moderation.rule_forms import PolicyForm, RuleForm
from chat.web.sidebar import page_user
from inference.content import Screened

MOST_GROUPS = 100


@require_safe
@console(RULES)
def rules(request: HttpRequest) -> HttpResponse:
    """All of them, by name."""
    return render(request, "chat/moderation/rules.html", {"rules": list_rules()})


@require_http_methods(["GET", "HEAD", "POST"])
@console(RULES)
def rule(request: HttpRequest, rule_id: UUID | None = None) -> HttpResponse:
    """One rule, or a new one: what is filled in is tried on the sample, or kept."""
    found = _find(rule_id) if rule_id is not None else None
    form = RuleForm(request.POST or None, instance=found)
    tried: Screened | None = None
    if form.is_valid():
        try:
            if "try" in request.POST:
                tried = _try(request, form)
            else:
                save_rule(actor=page_user(request), rule_id=rule_id, **form.fields_of_rule())
                messages.success(request, _("The rule is kept."))
                return redirect("rules")
        except ServiceError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    context = {"form": form, "rule": found, "tried": tried, "policies": _policies(found) if found else []}
    return render(request, "chat/moderation/rule.html", context, status=400 if form.errors else 200)


@require_POST
@console(RULES)
def delete(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Forget a rule; its cases stay."""
    return done(
        request,
        lambda: delete_rule(actor=page_user(request), rule_id=rule_id),
        _("The rule is deleted."),
        reverse("rules"),
    )


@require_POST
@console(RULES)
def change_policy(request: HttpRequest, rule_id: UUID, group_id: int) -> HttpResponse:
    """What the rule does for the members of a group; without an action what it does for everybody."""
    group = get_object_or_404(Group, id=group_id)
    form = PolicyForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_problem(form))
        return redirect("rule", rule_id)
    chosen = form.cleaned_data["action"]
    action = RuleAction(chosen) if chosen else None
    return done(
        request,
        lambda: set_policy(actor=page_user(request), rule_id=rule_id, group=group, action=action),
        _("The policy of %(group)s is set.") % {"group": group.name},
        reverse("rule", args=[rule_id]),
    )


def _try(request: HttpRequest, form: RuleForm) -> Screened:
    written = ContentRule(**form.fields_of_rule())
    return try_rule(actor=page_user(request), rule=written, sample=form.cleaned_data["sample"])


def _policies(rule: ContentRule) -> list[tuple[Group, PolicyForm]]:
    given = {policy.group_id: policy.action for policy in rule.policies.all()}
    groups = Group.objects.order_by("name")[:MOST_GROUPS]
    return [(group, PolicyForm(initial={"action": given.get(group.id, "")})) for group in groups]


def _find(rule_id: UUID) -> ContentRule:
    found = ContentRule.objects.prefetch_related("policies").filter(id=rule_id).first()
    if found is None:
        raise Http404("There is no such rule.")
    return found
