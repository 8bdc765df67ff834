"""The forms of one's own account."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from chat.services.standing import explain_failed_login


class LoginForm(AuthenticationForm):
    """Tells somebody who is kept out why, if the password is theirs."""

    def get_invalid_login_error(self) -> ValidationError:
        """The reason, or Django's own words."""
        why = explain_failed_login(
            username=self.cleaned_data["username"], password=self.cleaned_data["password"]
        )
        return ValidationError(why) if why else super().get_invalid_login_error()
