"""The forms of content rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.models import ContentRule, RuleAction
from chat.services.moderation.rules import MOST_SAMPLE_CHARS

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[ContentRule]
else:  # generic in the stubs only
    BaseForm = forms.ModelForm


class RuleForm(BaseForm):
    """A rule, and a sample to try it on. The service judges the pattern."""

    sample = forms.CharField(
        label=_("A sample to try it on"),
        max_length=MOST_SAMPLE_CHARS,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    class Meta:
        model = ContentRule
        fields = (
            *("name", "kind", "pattern", "scope", "action", "replacement"),
            *("message", "severity", "is_enabled"),
        )
        labels = {
            "name": _("Name"),
            "kind": _("The pattern is"),
            "pattern": _("Pattern"),
            "scope": _("Looks at"),
            "action": _("When it finds something"),
            "replacement": _("What replaces it"),
            "message": _("What people read whose text it warns of or blocks"),
            "severity": _("Severity of its cases"),
            "is_enabled": _("Enabled"),
        }
        widgets = {"pattern": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})}

    def fields_of_rule(self) -> dict[str, Any]:
        """Of a valid form, as the service takes them."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}


class PolicyForm(forms.Form):
    """What a rule does for the members of a group."""

    action = forms.ChoiceField(
        label=_("When it finds something"),
        choices=[("", _("as for everybody")), *RuleAction.choices],
        required=False,
    )
