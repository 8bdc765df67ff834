"""The forms of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.models import User
from chat.realtime.protocol.commands import MAX_CONTENT_CHARS
from chat.selectors.presets import ModelChoice, model_choices


class ModelSelect(forms.Select):
    """The models to choose from, each with who answers and how that is going. One that nobody answers for
    says so, and where another one is served it cannot be chosen.
    """

    models: Mapping[str, ModelChoice] = {}

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Django's, with the mark."""
        model = self.models.get(value)
        is_down = model is None or model.status == "down"
        if value and is_down:
            label = _("%(model)s (no worker has loaded it)") % {"model": label}
        option = super().create_option(name, value, label, *args, **kwargs)
        if model is not None:
            option["attrs"] |= {"data-provider": model.provider, "data-status": model.status}
            if model.latency_ms is not None:
                option["attrs"]["data-latency"] = round(model.latency_ms)
        if is_down and any(each.status != "down" for each in self.models.values()):
            option["attrs"]["disabled"] = True
        return option


class NewSessionForm(forms.Form):
    """A new chat: which model, what it is told beforehand and, on the first page, the first message."""

    llm_model = forms.ChoiceField(label=_("Model"), required=False, widget=ModelSelect)
    system_prompt = forms.CharField(
        label=_("System prompt"),
        required=False,
        max_length=MAX_CONTENT_CHARS,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": _("How should the model behave?")}),
    )
    content = forms.CharField(
        label=_("Message"),
        required=False,
        max_length=MAX_CONTENT_CHARS,
        widget=forms.Textarea(
            attrs={
                "rows": 1,
                "autofocus": True,
                "data-enter-sends": True,
                "placeholder": _("Write a message…"),
            }
        ),
    )

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        """The choices are the models this person may use now; the default one is chosen if it is loaded."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        models = {choice.slug: choice for choice in model_choices(user)}
        field = self.fields["llm_model"]
        if isinstance(field, forms.ChoiceField) and isinstance(field.widget, ModelSelect):
            field.choices = [(slug, slug) for slug in models] or [("", _("No model yet"))]
            field.initial = next((slug for slug, choice in models.items() if choice.is_default), None)
            field.widget.models = models
        for each in self.fields.values():
            # On the first page the fields stand outside the form element.
            each.widget.attrs["form"] = "new-session"
