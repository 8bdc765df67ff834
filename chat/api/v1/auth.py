"""Logging in without a browser, and one's keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import Moment, example
from chat.api.v1.schemas import Done, Strict, Time
from chat.models import ApiKey
from chat.selectors.accounts import find_api_key_of, list_api_keys
from chat.services.accounts import create_api_key, revoke_api_key
from chat.services.errors import Forbidden, NotFound
from chat.services.ratelimit import count_login
from chat.services.scopes import SERVICE
from chat.services.tokens import log_in, log_out, refresh_tokens

router = Router(tags=["auth"])


class LogIn(Strict):
    """What a person knows."""

    model_config = example(username="$USERNAME", password="$PASSWORD")  # noqa: S106  a variable's name

    username: Annotated[str, Field(max_length=150)]
    password: Annotated[str, Field(max_length=4096)]
    code: Annotated[str, Field(max_length=20)] = ""


class Refresh(Strict):
    """The refresh token one has."""

    model_config = example(refresh="$REFRESH")

    refresh: Annotated[str, Field(max_length=4096)]


class TokensOut(Schema):
    """Send `access` as `Authorization: Bearer …`; exchange `refresh`, once, before it expires."""

    access: str
    refresh: str
    token_type: str = "Bearer"  # noqa: S105  the kind of a token, not one
    expires_in: int
    refresh_expires_in: int


class KeyIn(Strict):
    """What a key is for, and what it may do."""

    model_config = example(name="robot", scopes=["chat:read"])

    name: Annotated[str, Field(max_length=100)] = ""
    scopes: list[str] = []
    expires_at: Moment | None = None
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class KeyOut(Schema):
    """A key, without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    requests_per_minute: int | None
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None


class KeyMade(KeyOut):
    """`key` is shown only here."""

    key: str


class Keys(Schema):
    """The newest first."""

    keys: list[KeyOut]
    total_count: int


@router.post("token", response=TokensOut, auth=None, summary="Log in")
def post_token(request: HttpRequest, body: LogIn) -> Any:
    """An access and a refresh token for name and password, and the second factor's `code` if there is one."""
    count_login(username=body.username, address=get_adapter().get_client_ip(request)).enforce()
    return asdict(log_in(username=body.username, password=body.password, code=body.code))


@router.post("token/refresh", response=TokensOut, auth=None, summary="The next pair of tokens")
def post_refresh(request: HttpRequest, body: Refresh) -> Any:
    """Each refresh token works once; one that comes again ends its login."""
    return asdict(refresh_tokens(refresh=body.refresh))


@router.post("token/revoke", response=Done, auth=None, summary="Log out")
def post_revoke(request: HttpRequest, body: Refresh) -> Any:
    """Ends the login, with its access tokens."""
    log_out(refresh=body.refresh)
    return Done(message="You are logged out.")


@router.get("keys", response=Keys, auth=LOGGED_IN, summary="One's keys")
def get_keys(request: HttpRequest) -> Any:
    """For people who logged in themselves: a key cannot see keys."""
    rows = list_api_keys(user_of(request))
    return {"keys": [_fields(row) for row in rows], "total_count": len(rows)}


@router.post("keys", response={201: KeyMade}, auth=LOGGED_IN, summary="A new key")
def post_key(request: HttpRequest, body: KeyIn) -> Any:
    """Scopes `chat:read`, `chat:write` and `openai` limit it; `messages:write` is for staff to give."""
    user = user_of(request)
    if SERVICE in body.scopes and not user.is_staff:
        raise Forbidden("Only staff may give the scope %(scope)s.", field="scopes", values={"scope": SERVICE})
    row, secret = create_api_key(user=user, **body.dict())
    return Status(201, _fields(row) | {"key": secret})


@router.delete("keys/{uuid:key_id}", response=Done, auth=LOGGED_IN, summary="Revoke a key")
def delete_key(request: HttpRequest, key_id: UUID) -> Any:
    """It works no more, and stays in the list."""
    row = find_api_key_of(user=user_of(request), key_id=key_id)
    if row is None:
        raise NotFound("There is no such key.")
    revoke_api_key(key=row)
    return Done(message="The key has been revoked.")


def _fields(row: ApiKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in KeyOut.model_fields}
