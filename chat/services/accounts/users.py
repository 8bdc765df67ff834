"""New accounts."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from chat.models import User
from chat.services.accounts.roles import ROLES, set_role
from chat.services.errors import Conflict, InvalidRequest


def create_user(*, username: str, password: str, role: str = "user") -> User:
    """Create an account. A pending one may not log in; moderators and administrators are staff."""
    if role not in ROLES:
        raise InvalidRequest(
            "role must be one of %(roles)s.", field="role", values={"roles": ", ".join(ROLES)}
        )
    if not password:
        raise InvalidRequest("password must not be empty.", field="password")
    user = User(username=User.normalize_username(username))
    user.set_password(password)
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise InvalidRequest(
            "%(field)s is not valid: %(problems)s",
            field="username",
            values={"field": "username", "problems": " ".join(error.messages)},
        ) from error
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            set_role(user=user, role=role)
    except IntegrityError as error:
        raise Conflict(
            "There is already a user named %(username)s.", field="username", values={"username": username}
        ) from error
    return user


def set_preferences(*, user: User, theme: str = "", language: str = "") -> None:
    """How the pages look to this person, on every browser they log in with. What is empty stays as it is."""
    user.theme = theme or user.theme
    user.language = language or user.language
    user.save(update_fields=["theme", "language"])
