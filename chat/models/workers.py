"""Workers as the rest of the system sees them: a row with a heartbeat."""

from __future__ import annotations

import msgspec
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inference.types.errors import Reason


class WorkerStatus(models.TextChoices):
    """A worker takes generations only while ready. A failing one has no engine, and tries again."""

    STARTING = "starting", _("Starting")
    READY = "ready", _("Ready")
    FAILING = "failing", _("Failing")
    DRAINING = "draining", _("Draining")
    STOPPED = "stopped", _("Stopped")


class WorkerNode(models.Model):
    """One worker process, by its unique name.

    `offered_models` are the slugs it serves: `loaded_models` are in memory, the others come when they are
    wanted, within `memory_budget` bytes. `refused_models` tells why others do not (see
    `reasons`). `figures` are the gauges and totals of its engines, by model (`inference.types.engines`).
    `capabilities` is what it told of its machine and engine when it registered.
    """

    name = models.CharField(max_length=100, primary_key=True)
    status = models.CharField(max_length=10, choices=WorkerStatus, default=WorkerStatus.STARTING)
    device = models.CharField(max_length=10, default="cpu")
    loaded_models = models.JSONField(default=list)
    offered_models = models.JSONField(default=list)
    refused_models = models.JSONField(default=dict, blank=True)
    memory_budget = models.PositiveBigIntegerField(default=0)
    slots = models.PositiveIntegerField(default=0)
    busy = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=WorkerStatus.values), name="worker_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"

    @property
    def reasons(self) -> dict[str, str | Reason]:
        """Why it does not serve the models that it refuses."""
        return msgspec.convert(self.refused_models, dict[str, str | Reason])


class WorkerControl(models.Model):
    """The one row by which workers tell a global outage from a colleague's death.

    `last_tick` is when any worker last reached the database. No expired lease is taken before `reap_after`.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    last_tick = models.DateTimeField()
    reap_after = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_worker_control")]

    def __str__(self) -> str:
        return f"last tick {self.last_tick}, no takeovers before {self.reap_after}"
