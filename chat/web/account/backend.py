"""What Django asks who somebody is, at a login and at every request with a cookie."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from chat.models import User


class AccountBackend(AuthenticationBackend):
    """Keeps out who is suspended, as Django's own keeps out who is not active."""

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether the account is active and not suspended."""
        return isinstance(user, User) and user.may_log_in
