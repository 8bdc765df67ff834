"""Who is calling: a bearer key, or a browser's session with its CSRF token."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from chat.models import User
from chat.services.accounts import authenticate_api_key


class BearerKey(HttpBearer):
    """`Authorization: Bearer pk_…`"""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The key's user, who then is the request's."""
        user = authenticate_api_key(secret=token)
        if user is not None:
            request.user = user
        return user


LOGGED_IN = [BearerKey(), SessionAuth()]
