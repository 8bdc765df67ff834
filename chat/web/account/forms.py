"""The forms of one's own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.forms import LoginForm as PlainLoginForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models import User
from chat.services.moderation.appeals import appeal_token
from chat.services.scopes import LIMITING
from chat.services.standing import why_kept_out


class LoginForm(PlainLoginForm):
    """Tells somebody who is kept out why, if the password is theirs. The name's field is `username`."""

    def add_prefix(self, field_name: str) -> str:
        """Scripts and password managers know the field by this name."""
        name: str = super().add_prefix("username" if field_name == "login" else field_name)
        return name

    def clean(self) -> Any:
        """Raises `ValidationError`."""
        cleaned = super().clean()
        why = why_kept_out(self.user) if isinstance(self.user, User) else ""
        if why:
            raise ValidationError(why)
        return cleaned

    @property
    def appeal_token(self) -> str:
        """For the link to the appeal, where a decision of a case keeps somebody out whose password it is."""
        return appeal_token(self.user) if isinstance(self.user, User) else ""


class ApiKeyForm(forms.Form):
    """A new key of one's own."""

    name = forms.CharField(label=_("What it is for"), max_length=100)
    days = forms.IntegerField(
        label=_("Days until it expires (empty: never)"), required=False, min_value=1, max_value=3650
    )
    scopes = forms.MultipleChoiceField(
        label=_("Only for (none: everything you may do)"),
        required=False,
        choices=[(scope, scope) for scope in sorted(LIMITING)],
        widget=forms.CheckboxSelectMultiple,
    )

    def fields_of_key(self) -> dict[str, Any]:
        """What `create_api_key` takes."""
        days = self.cleaned_data["days"]
        expires_at = timezone.now() + timedelta(days=days) if days else None
        return {
            "name": self.cleaned_data["name"],
            "scopes": self.cleaned_data["scopes"],
            "expires_at": expires_at,
        }


class DeletionForm(forms.Form):
    """One's own name, so that nobody deletes an account by mistake."""

    username = forms.CharField(label=_("Your username"), max_length=150)

    def __init__(self, *args: Any, username: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._username = username

    def clean_username(self) -> str:
        """Raises `ValidationError`."""
        given: str = self.cleaned_data["username"]
        if given != self._username:
            raise ValidationError(_("This is not your username."))
        return given
