"""The forms of the pages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.models import User
from chat.realtime.protocol import MAX_CONTENT_CHARS
from chat.selectors.limits import usable_models
from chat.selectors.workers import default_model


class ModelSelect(forms.Select):
    """The models to choose from. One that no worker has loaded says so, and where another one is loaded
    it cannot be chosen: nobody would answer.
    """

    loaded: Collection[str] = ()

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Django's, with the mark."""
        is_loaded = value in self.loaded
        if value and not is_loaded:
            label = _("%(model)s (no worker has loaded it)") % {"model": label}
        option = super().create_option(name, value, label, *args, **kwargs)
        if self.loaded and not is_loaded:
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
        models, default = usable_models(user), default_model()
        loaded = [slug for slug, is_loaded in models.items() if is_loaded]
        field = self.fields["llm_model"]
        if isinstance(field, forms.ChoiceField) and isinstance(field.widget, ModelSelect):
            field.choices = [(slug, slug) for slug in models] or [("", _("No model yet"))]
            field.initial = default if default in loaded else next(iter(loaded), default)
            field.widget.loaded = loaded
        for each in self.fields.values():
            # On the first page the fields stand outside the form element.
            each.widget.attrs["form"] = "new-session"
