"""Chat panels: administrators make them, and copy the line that puts one on a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _

from chat.models import Panel
from chat.selectors.workers import is_known_model
from chat.services.panels import close_visits, delete_panel

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Panel]
    BaseAdmin = admin.ModelAdmin[Panel]
else:  # generic in the stubs only
    BaseForm = forms.ModelForm
    BaseAdmin = admin.ModelAdmin

ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE)


class OriginsField(forms.CharField):
    """Origins, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        """As lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """As a list. Raises `ValidationError`."""
        origins = super().clean(value).split("\n")
        origins = [origin.strip() for origin in origins if origin.strip()]
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValidationError(
                    _("%(origin)s is no origin: write it as https://example.org.")
                    % {"origin": repr(origin[:50])}
                )
        return origins


class PanelForm(BaseForm):
    """Origins as lines."""

    allowed_origins = OriginsField(
        label=_("Allowed origins"), required=False, help_text=_("One a line, such as https://example.org.")
    )

    def clean_llm_model(self) -> str:
        """One that there is, or none for the default."""
        model: str = self.cleaned_data["llm_model"]
        if model and not is_known_model(model):
            raise ValidationError(_("There is no model named %(model)s.") % {"model": repr(model)})
        return model


@admin.register(Panel)
class PanelAdmin(BaseAdmin):
    """A panel belongs to who makes it."""

    form = PanelForm
    list_display = ("name", "owner", "llm_model", "is_enabled", "created_at")
    fields = (
        *(
            "name",
            "llm_model",
            "system_prompt",
            "opening",
            "allowed_origins",
            "is_enabled",
            "owner",
            "snippet",
        ),
    )
    readonly_fields = ("owner", "snippet")

    def save_model(self, request: HttpRequest, obj: Panel, form: Any, change: Any) -> None:
        """With its owner."""
        if not change:
            obj.owner = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        if not obj.is_enabled:
            close_visits(panel=obj)

    def delete_model(self, request: HttpRequest, obj: Panel) -> None:
        """Its visitors leave."""
        delete_panel(panel=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Panel]) -> None:
        """The same for many."""
        for panel in queryset:
            delete_panel(panel=panel)

    @admin.display(description=_("For the page"))
    def snippet(self, panel: Panel) -> str:
        """What goes into the page's HTML, with this server's address; a new panel has none yet."""
        if panel._state.adding:
            return "-"
        script = f"https://…{reverse('embed_script')}"
        title = escape(panel.name)
        return f'<script defer src="{script}" data-panel="{panel.id}" data-title="{title}"></script>'
