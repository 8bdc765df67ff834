"""What the house does by the clock, whichever worker gets to it."""

from __future__ import annotations

from django.db import models


class Chore(models.Model):
    """One recurring task. Who moves `begun_at` on does it; `succeeded_at` is the last time it went well."""

    name = models.CharField(max_length=50, primary_key=True)
    begun_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}, begun {self.begun_at:%Y-%m-%d %H:%M}"
