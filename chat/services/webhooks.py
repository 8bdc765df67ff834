"""Telling other servers: signed as Standard Webhooks has it, and never sent into our own network.

https://github.com/standard-webhooks/standard-webhooks
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import httpx2
import msgspec
from django.conf import settings

from chat.services.errors import InvalidRequest

MAX_URL_CHARS = 1000
TIMEOUT_S = 10.0
CONNECT_S = 3.0
"""For each address of a name."""
PORTS = {"http": 80, "https": 443}


class WebhookFailed(Exception):  # noqa: N818  an answer, not a fault
    """It was not taken; the message says why, for the owner."""


def check_url(url: str, *, field: str) -> None:
    """Raises `InvalidRequest` for what is no address, or one inside our own network."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in PORTS and bool(parts.hostname) and not parts.username
        is_valid = is_valid and len(url) <= MAX_URL_CHARS and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise InvalidRequest(
            "'%(field)s' must be a http or https address.", field=field, values={"field": field}
        )
    if _is_address(parts.hostname or "") and not _may_call(parts.hostname or ""):
        raise InvalidRequest(
            "'%(field)s' must not be a private address.", field=field, values={"field": field}
        )


def webhook_secret(user_id: UUID) -> str:
    """What a user checks signatures with: `whsec_…`, the same as long as the server's key is."""
    key = hmac.digest(settings.SECRET_KEY.encode(), f"webhook:{user_id}".encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(key).decode()}"


def sign(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of a message."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def send_webhook(*, url: str, user_id: UUID, message_id: str, at: datetime, payload: dict[str, Any]) -> None:
    """Deliver a message once; a receiver tells repetitions by its id. Raises `WebhookFailed`."""
    parts = urlsplit(url)
    body = msgspec.json.encode(payload)
    timestamp = int(at.timestamp())
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": "Parley",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            secret=webhook_secret(user_id), message_id=message_id, timestamp=timestamp, body=body
        ),
    }
    # To what was checked: the name might lead somewhere else the next time it is asked for.
    targets = [parts._replace(netloc=address).geturl() for address in _resolve(parts)]
    try:
        response = asyncio.run(_post(targets, body, headers, parts.hostname or ""))
    except (httpx2.HTTPError, TimeoutError) as error:
        raise WebhookFailed(f"It does not answer: {type(error).__name__}.") from error
    if not response.is_success:
        raise WebhookFailed(f"It answers {response.status_code}.")


async def _post(targets: Sequence[str], body: bytes, headers: dict[str, str], host: str) -> httpx2.Response:
    """A receiver has so long for all of its answer, however it comes; only the status is read."""
    limits = httpx2.Timeout(None, connect=CONNECT_S)
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx2.AsyncClient(timeout=limits, trust_env=False, follow_redirects=False) as client,
    ):
        extensions = {"sni_hostname": host}
        build = partial(client.build_request, "POST", content=body, headers=headers, extensions=extensions)
        return await _first_reached(client, [build(target) for target in targets])


async def _first_reached(client: httpx2.AsyncClient, requests: Sequence[httpx2.Request]) -> httpx2.Response:
    """A machine may have addresses that lead nowhere from here, as those of IPv6 often do."""
    *others, last = requests
    for request in others:
        with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
            return await client.send(request, stream=True)
    return await client.send(last, stream=True)


def _resolve(parts: SplitResult) -> list[str]:
    """The addresses behind the name, with the port."""
    port = parts.port or PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise WebhookFailed("Its name is not known.") from error
    addresses = [str(each[4][0]) for each in found]
    if not addresses or not all(map(_may_call, addresses)):
        raise WebhookFailed("It is a private address.")
    return [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in addresses]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _may_call(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return settings.WEBHOOKS_TO_PRIVATE or (mapped.is_global and not mapped.is_multicast)
