"""The pool, for staff."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from chat.api.auth import LOGGED_IN, user_of
from chat.api.v1.schemas import Time
from chat.selectors.workers import list_workers
from chat.services.errors import Forbidden

router = Router(tags=["workers"], auth=LOGGED_IN)


class WorkerOut(Schema):
    """One worker; `running` counts its generations, `status` is `lost` when it is no longer heard.

    `refused_models` says why it does not serve the others, or, while `failing`, any.
    """

    name: str
    status: str
    device: str
    models: list[str]
    slots: int
    running: int
    capabilities: dict[str, Any]
    refused_models: dict[str, str]
    detail: str
    started_at: Time
    heartbeat_at: Time


class Workers(Schema):
    """The pool."""

    workers: list[WorkerOut]


@router.get("workers", response=Workers, summary="Workers")
def get_workers(request: HttpRequest) -> Any:
    """Every worker that ever registered: what it can do, how busy it is, when it was heard. For staff."""
    if not user_of(request).is_staff:
        raise Forbidden("Only staff may look at the workers.")
    return {"workers": [asdict(worker) for worker in list_workers()]}
