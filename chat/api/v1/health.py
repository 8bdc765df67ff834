"""Whether the service can do its work."""

from __future__ import annotations

import logging

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status

from chat.realtime.presence import count_connections
from chat.realtime.redis_clients import REDIS_ERRORS
from chat.realtime.stopping import is_stopping
from chat.selectors.messages import iso_time
from chat.selectors.storage import is_disk_full
from chat.selectors.workers import describe_pool

logger = logging.getLogger(__name__)
router = Router(tags=["health"])


class Health(Schema):
    """`checks` says `ok` or what is wrong, for each part."""

    service: str = "chat"
    status: str
    timestamp: str
    active_connections: int | None
    checks: dict[str, str]


class Alive(Schema):
    """What one web process says of itself."""

    status: str


@router.get("health", response={200: Health, 503: Health}, auth=None, summary="Health")
def health(request: HttpRequest) -> Status[Health]:
    """Unhealthy (503) without the database, for then nothing works.

    Degraded (200) without Redis or without a ready worker: people can read, and what they send is stored
    and answered later; or with a full disk: people can read, and what they send is refused. A message is
    answered at once when `checks.workers` is `ok`.
    """
    workers = _check_workers()
    connections = _count_connections()
    checks = {
        "database": "failed" if workers is None else "disk full" if is_disk_full() else "ok",
        "redis": "failed" if connections is None else "ok",
        "workers": workers or "none",
    }
    status = "healthy" if set(checks.values()) == {"ok"} else "degraded"
    if workers is None:
        status = "unhealthy"
    body = Health(
        status=status, timestamp=iso_time(timezone.now()), active_connections=connections, checks=checks
    )
    return Status(503 if status == "unhealthy" else 200, body)


@router.get("health/live", response=Alive, auth=None, summary="Whether this process answers")
def live(request: HttpRequest) -> Alive:
    """For whoever would restart it: asks nothing of the database or Redis."""
    return Alive(status="alive")


@router.get("health/ready", response={200: Alive, 503: Alive}, auth=None, summary="Whether to send requests")
def ready(request: HttpRequest) -> Status[Alive]:
    """For load balancers: 503 while the database does not answer, and once the process was told to stop."""
    if is_stopping():
        return Status(503, Alive(status="stopping"))
    is_ready = _check_workers() is not None
    return Status(200 if is_ready else 503, Alive(status="ready" if is_ready else "no database"))


def _check_workers() -> str | None:
    try:
        return describe_pool()
    except DatabaseError as error:
        logger.warning("the database does not answer: %s", error)
        return None


def _count_connections() -> int | None:
    try:
        return count_connections()
    except REDIS_ERRORS as error:
        logger.warning("Redis does not answer: %s", error)
        return None
