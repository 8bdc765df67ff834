"""Would a message be answered?"""

from __future__ import annotations

import http.client
import json
from typing import Any

from django.conf import settings

from chatproject.local.deployment import Deployment

HEALTH = "/api/v1/chat/health"


def is_ready(deployment: Deployment) -> bool:
    """Web, database and Redis answer, and a worker too where this deployment starts any."""
    health = _health(deployment)
    checks = health.get("checks", {})
    needed = ["database", "redis", *(["workers"] if deployment.workers else [])]
    return all(checks.get(name) == "ok" for name in needed)


def is_failing(deployment: Deployment) -> bool:
    """Do chats have no worker because none can load its model?"""
    checks = _health(deployment).get("checks", {})
    return bool(checks.get("workers") == "failing")


def _health(deployment: Deployment) -> dict[str, Any]:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(deployment.host, deployment.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, deployment.port, timeout=5)
    try:
        connection.request("GET", HEALTH, headers={"Host": _allowed_host()})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


def _allowed_host() -> str:
    """A name that Django will accept, whatever ALLOWED_HOSTS says."""
    first = str(next(iter(settings.ALLOWED_HOSTS), "localhost"))
    return "localhost" if first == "*" else first.lstrip(".")
