"""The words of notices, in place of Parley's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.models import NoticeTemplate

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[NoticeTemplate]
    BaseAdmin = admin.ModelAdmin[NoticeTemplate]
else:  # generic in the stubs only
    BaseForm = forms.ModelForm
    BaseAdmin = admin.ModelAdmin


class NoticeTemplateForm(BaseForm):
    """With what stands for the decision's own words."""

    class Meta:
        model = NoticeTemplate
        fields = ("name", "decision", "title", "body", "is_default")
        help_texts = {
            "body": _("$reason, $until and $decision stand for the decision's."),
            "is_default": _("Sent wherever no other template is chosen."),
        }

    def clean_is_default(self) -> bool:
        """One for each decision."""
        is_default = bool(self.cleaned_data["is_default"])
        others = NoticeTemplate.objects.filter(decision=self.cleaned_data.get("decision"), is_default=True)
        other = others.exclude(id=self.instance.id).first() if is_default else None
        if other is not None:
            raise forms.ValidationError(
                gettext("“%(name)s” is the default of this decision already: change that one first.")
                % {"name": other.name}
            )
        return is_default


@admin.register(NoticeTemplate)
class NoticeTemplateAdmin(BaseAdmin):
    """By the decision that they tell of."""

    form = NoticeTemplateForm
    list_display = ("name", "decision", "title", "is_default")
    list_filter = ("decision",)
