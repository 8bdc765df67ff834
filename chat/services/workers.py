"""What workers write about themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.db.models.functions import Now

from chat.models import WorkerNode, WorkerStatus
from chat.selectors.prepared import Param, PreparedUpdate, params_of
from inference.types.errors import Reason


def heartbeat(
    *,
    name: str,
    status: WorkerStatus | str,
    device: str = "cpu",
    loaded_models: Sequence[str] = (),
    offered_models: Sequence[str] | None = None,
    refused_models: Mapping[str, str | Reason] | None = None,
    memory_budget: int = 0,
    slots: int = 0,
    busy: int = 0,
    figures: Mapping[str, Mapping[str, Any]] | None = None,
    detail: str = "",
    capabilities: Mapping[str, Any] | None = None,
) -> None:
    """Say that a worker lives and what it is; the first call registers it.

    It offers what it has loaded, unless it says otherwise.
    """
    told = {
        "status": status,
        "device": device,
        "loaded_models": list(loaded_models),
        "offered_models": list(loaded_models if offered_models is None else offered_models),
        "refused_models": msgspec.to_builtins(refused_models or {}),
        "memory_budget": memory_budget,
        "slots": slots,
        "busy": busy,
        "figures": dict(figures or {}),
        "detail": detail[:300],
        "capabilities": dict(capabilities or {}),
    }
    if not _told.run(*told, name=name, **told):
        WorkerNode.objects.update_or_create(name=name, defaults=told | {"heartbeat_at": Now()})


@PreparedUpdate
def _told(*names: str) -> tuple[QuerySet[WorkerNode], dict[str, Any]]:
    rows = WorkerNode.objects.filter(name=Param("name", WorkerNode, "name"))
    # By the database's clock: a worker's own may be wrong.
    return rows, params_of(WorkerNode, *names) | {"heartbeat_at": Now()}


def retire_worker(*, name: str) -> None:
    """A worker that has left in good order."""
    WorkerNode.objects.filter(name=name).update(
        status=WorkerStatus.STOPPED, busy=0, loaded_models=[], offered_models=[], heartbeat_at=Now()
    )
