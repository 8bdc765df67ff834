"""What workers write about themselves."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models.functions import Now

from chat.models import WorkerNode, WorkerStatus


def heartbeat(
    *,
    name: str,
    status: WorkerStatus | str,
    device: str = "cpu",
    loaded_models: Sequence[str] = (),
    slots: int = 0,
    busy: int = 0,
    detail: str = "",
) -> WorkerNode:
    """Say that a worker lives and what it is; the first call registers it."""
    node, _ = WorkerNode.objects.update_or_create(
        name=name,
        defaults={
            "status": status,
            "device": device,
            "loaded_models": list(loaded_models),
            "slots": slots,
            "busy": busy,
            "detail": detail[:300],
            "heartbeat_at": Now(),  # a worker's own clock may be wrong
        },
    )
    return node


def retire_worker(*, name: str) -> None:
    """A worker that has left in good order."""
    WorkerNode.objects.filter(name=name).update(
        status=WorkerStatus.STOPPED, busy=0, loaded_models=[], heartbeat_at=Now()
    )
