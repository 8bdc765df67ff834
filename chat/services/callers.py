"""Who calls, by key or by token, and what the key allows."""

from __future__ import annotations

from dataclasses import dataclass

from chat.models import ApiKey, User
from chat.services.accounts import KEY_PREFIX, find_api_key
from chat.services.errors import Forbidden
from chat.services.scopes import LIMITING, READ, WRITE
from chat.services.tokens import find_token_user


@dataclass(frozen=True)
class Caller:
    """A person, and the key they use, if it is one."""

    user: User
    key: ApiKey | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """Of the key."""
        return frozenset(self.key.scopes) if self.key is not None else frozenset()

    def require(self, scope: str) -> None:
        """Raise `Forbidden` if the key does not allow it."""
        limits = self.scopes & LIMITING
        allowed = limits | {READ} if WRITE in limits else limits
        if limits and scope not in allowed:
            raise Forbidden("This key does not have the scope %(scope)s.", values={"scope": scope})


def find_caller(*, secret: str) -> Caller | None:
    """The caller who has this key or access token, or None. Raises `AccountSuspended`."""
    if secret.startswith(KEY_PREFIX):
        key = find_api_key(secret=secret)
        return Caller(key.user, key) if key is not None else None
    user = find_token_user(access=secret)
    return Caller(user) if user is not None else None
