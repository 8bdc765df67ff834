"""The forms of the batch pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from chat.models import BatchPriority, User
from chat.selectors.limits import usable_models
from chat.selectors.workers import default_model

Rows = Sequence[dict[str, str]]


class EndForm(forms.Form):
    """Who hears of a job's end."""

    webhook_url = forms.URLField(
        label=_("Webhook when it has ended"), required=False, max_length=1000, assume_scheme="https"
    )
    notify_email = forms.BooleanField(label=_("E-mail me when it has ended"), required=False)


class UploadForm(EndForm):
    """A file of requests, or a table. Browsers let files be dropped on the input."""

    file = forms.FileField(
        label=_("JSONL file of requests, or CSV table"),
        widget=forms.ClearableFileInput(attrs={"accept": ".jsonl,.csv,.tsv"}),
    )


class TableForm(EndForm):
    """How a table's rows become prompts, and who hears of the end."""

    template = forms.CharField(
        label=_("Prompt template"), max_length=60_000, widget=forms.Textarea(attrs={"rows": 4})
    )
    system_prompt = forms.CharField(
        label=_("System prompt"), required=False, max_length=60_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    model = forms.ChoiceField(label=_("Model"))
    id_column = forms.ChoiceField(label=_("Column that names the rows"), required=False)
    max_tokens = forms.IntegerField(
        label=_("Most tokens of an answer"), required=False, min_value=1, max_value=1_000_000
    )

    def __init__(
        self, *args: object, columns: Sequence[str], rows: Rows, user: User, **kwargs: object
    ) -> None:
        """The choices are the models there are and the table's columns; the wordiest one is the prompt."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        model, id_column = self.fields["model"], self.fields["id_column"]
        if isinstance(model, forms.ChoiceField) and isinstance(id_column, forms.ChoiceField):
            model.choices = [(slug, slug) for slug in usable_models(user)]
            model.initial = default_model()
            id_column.choices = [("", _("number them")), *((column, column) for column in columns)]
        wordiest = max(columns, key=lambda column: max((len(row[column]) for row in rows), default=0))
        self.fields["template"].initial = f"{{{wordiest}}}"

    def mapping(self) -> Iterator[BoundField]:
        """The fields but for those of the end."""
        return (field for field in self if field.name not in EndForm.base_fields)


class SteeringForm(forms.Form):
    """Priority, and how many lines may run at once."""

    priority = forms.TypedChoiceField(label=_("Priority"), choices=BatchPriority.choices, coerce=int)
    max_running = forms.IntegerField(label=_("Lines at once"), required=False, min_value=1, max_value=10_000)
