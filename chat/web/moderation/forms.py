"""The forms of the moderators' pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.models import CaseSource, CaseStatus, Decision, NoticeTemplate, Severity, Suspension, User
from chat.selectors.moderation import KEEPING_OUT, CaseFilters
from chat.selectors.people import PersonState
from chat.services.accounts.inviting import MOST_DAYS, MOST_USES
from chat.services.accounts.suspending import MAX_REASON
from chat.services.moderation.cases import Verdict
from chat.services.moderation.notices import MOST_WORDS
from chat.services.operating import MOST_CHARACTERS
from chat.services.private_access import LONGEST, SHORTEST

ANY = [("", _("any"))]
STATUSES = [("", _("undecided")), *CaseStatus.choices]
DAYS = [
    ("", _("no end")),
    ("1", _("1 day")),
    ("7", _("7 days")),
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("365", _("365 days")),
]


class FilterForm(forms.Form):
    """Which cases. What cannot be understood filters nothing."""

    status = forms.ChoiceField(label=_("State"), choices=STATUSES, required=False)
    severity = forms.TypedChoiceField(
        label=_("Severity"), choices=[*ANY, *Severity.choices], coerce=int, empty_value=None, required=False
    )
    source = forms.ChoiceField(label=_("Source"), choices=[*ANY, *CaseSource.choices], required=False)
    mine = forms.BooleanField(label=_("Mine"), required=False)

    def filters(self, user: User) -> CaseFilters:
        """As the selector takes them."""
        self.is_valid()
        chosen = self.cleaned_data
        return CaseFilters(
            status=CaseStatus(chosen["status"]) if chosen.get("status") else None,
            severity=chosen.get("severity"),
            source=CaseSource(chosen["source"]) if chosen.get("source") else None,
            assignee_id=user.id if chosen.get("mine") else None,
        )


class TemplateField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in the stubs only
    """Templates by the decision that they tell of."""

    def label_from_instance(self, obj: NoticeTemplate) -> str:
        """Decision and name."""
        return f"{obj.get_decision_display()}: {obj.name}"


class DecisionForm(forms.Form):
    """What to do, why, and what the person concerned is told."""

    decision = forms.ChoiceField(label=_("Decision"), choices=[("", _("choose")), *Decision.choices])
    reason = forms.CharField(
        label=_("Reason"), max_length=MOST_WORDS, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    days = forms.TypedChoiceField(
        label=_("Suspension or strike for"), choices=DAYS, coerce=int, empty_value=None, required=False
    )
    template = TemplateField(
        label=_("Notice"),
        queryset=NoticeTemplate.objects.none(),
        required=False,
        empty_label=_("the usual words"),
    )

    def __init__(self, *args: Any, templates: bool = True, **kwargs: Any) -> None:
        """Many cases at once get the usual words, and one line of reasons."""
        super().__init__(*args, **kwargs)
        field = self.fields["template"]
        if not templates:
            del self.fields["template"]
            self.fields["reason"].widget = forms.TextInput()
        elif isinstance(field, TemplateField):
            field.queryset = NoticeTemplate.objects.all()

    def clean(self) -> dict[str, Any]:
        """What some decisions need, by the names of these fields."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        decision = given.get("decision")
        if decision == Decision.SUSPEND and given.get("days", "refused") is None:
            self.add_error("days", gettext("Say how long."))
        if decision in KEEPING_OUT and not given.get("reason", "refused"):
            self.add_error("reason", gettext("Say why."))
        if decision == Decision.BAN and given.get("days"):
            self.add_error("days", gettext("A ban has no end: suspend instead."))
        return given

    def verdict(self) -> Verdict:
        """Of a valid form."""
        chosen = self.cleaned_data
        days, template = chosen["days"], chosen.get("template")
        return Verdict(
            decision=Decision(chosen["decision"]),
            reason=chosen["reason"],
            until=timezone.now() + timedelta(days=days) if days else None,
            template_id=template.id if template else None,
        )


def read_chosen(values: list[str]) -> list[tuple[UUID, int]]:
    """Cases with the versions that their moderator saw, as `ID:VERSION`; what is neither is left out."""
    chosen = []
    for value in values:
        case_id, _, version = value.partition(":")
        try:
            chosen.append((UUID(case_id), int(version)))
        except ValueError:
            continue
    return chosen


class PeopleForm(forms.Form):
    """Which people. What cannot be understood filters nothing."""

    name = forms.CharField(label=_("Name or address"), max_length=254, required=False)
    state = forms.ChoiceField(label=_("State"), choices=[*ANY, *PersonState.choices], required=False)

    def filters(self) -> dict[str, Any]:
        """As the selector takes them."""
        self.is_valid()
        state = self.cleaned_data.get("state")
        return {
            "name": self.cleaned_data.get("name", ""),
            "state": PersonState(state) if state else None,
        }


class SuspensionForm(forms.Form):
    """Why somebody is kept out, and for how long."""

    days = forms.TypedChoiceField(
        label=_("For"),
        choices=[*DAYS[1:], ("", _("until somebody lets them in")), ("ban", _("good: a ban"))],
        coerce=lambda given: given if given == "ban" else int(given),
        empty_value=None,
        initial=7,
        required=False,
    )
    reason = forms.CharField(
        label=_("Reason, which they read"),
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def suspension(self) -> dict[str, Any]:
        """Of a valid form, as the service takes it."""
        days = self.cleaned_data["days"]
        is_ban = days == "ban"
        return {
            "reason": self.cleaned_data["reason"],
            "kind": Suspension.BANNED if is_ban else Suspension.SUSPENDED,
            "until": timezone.now() + timedelta(days=days) if days and not is_ban else None,
        }


class GlassForm(forms.Form):
    """Why a private conversation has to be read."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=SHORTEST,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
    )


class JudgementForm(forms.Form):
    """Why a colleague's decision stands, or does not."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MOST_WORDS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "id": "appeal-reason"}),
    )


class KillForm(forms.Form):
    """Why a reply is stopped."""

    reason = forms.CharField(label=_("Reason, which its readers see"), max_length=MOST_CHARACTERS)


class BannerForm(forms.Form):
    """What stands above every page."""

    text = forms.CharField(
        label=_("A sentence above every page; empty for none"), max_length=MOST_CHARACTERS, required=False
    )


class InvitationForm(forms.Form):
    """For how many people, how long, and what for."""

    uses = forms.IntegerField(label=_("People"), min_value=1, max_value=MOST_USES, initial=1)
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=MOST_DAYS, initial=7)
    note = forms.CharField(label=_("Note, for the audit log"), max_length=200, required=False)


def first_problem(form: forms.Form) -> str:
    """What to say of a form that is not valid."""
    name, problems = next(iter(form.errors.items()))
    return f"{form.fields[name].label}: {problems[0]}"
