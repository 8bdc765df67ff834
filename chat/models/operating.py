"""How a deployment is run while it runs: what is held back, and what everybody is told."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class HoldKind(models.TextChoices):
    """What can be held back."""

    WORKER = "worker", _("Worker")
    QUEUE = "queue", _("Queue")


class Hold(models.Model):
    """A worker that takes nothing new, or a queue (a model's slug) of which nothing new is taken.

    What runs goes on. It lasts until it is lifted, also while the worker is restarted.
    """

    kind = models.CharField(max_length=10, choices=HoldKind)
    name = models.CharField(max_length=100)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="one_hold_each"),
            models.CheckConstraint(condition=Q(kind__in=HoldKind.values), name="hold_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Banner(models.Model):
    """The one sentence above every page; no row, no banner."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    text = models.CharField(max_length=300)
    since = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_banner")]

    def __str__(self) -> str:
        return self.text
