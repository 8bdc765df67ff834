"""The forms of the pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.realtime.protocol import MAX_CONTENT_CHARS
from chat.selectors.workers import available_models, default_model


class NewSessionForm(forms.Form):
    """A new chat: which model, what it is told beforehand and, on the first page, the first message."""

    llm_model = forms.ChoiceField(label=_("Model"), required=False)
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

    def __init__(self, *args: object, **kwargs: object) -> None:
        """The choices are the models people may choose now; the first choice is the default one."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        models = available_models()
        field = self.fields["llm_model"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(slug, slug) for slug in models] or [("", _("No model yet"))]
            field.initial = default_model()
        for each in self.fields.values():
            # On the first page the fields stand outside the form element.
            each.widget.attrs["form"] = "new-session"
