"""How much was used and how long it took, hour by hour: what charts are drawn from."""

from __future__ import annotations

from django.db import models


class UsageHour(models.Model):
    """The replies of a model that ended within one hour; nothing in it tells of a person.

    `queue`, `ttft` and `response` are histograms: replies by milliseconds, up to each of
    `chat.selectors.usage.BOUNDS_MS`, and longer.
    """

    hour = models.DateTimeField()
    model = models.CharField(max_length=100)
    replies = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    cancelled = models.PositiveIntegerField()
    prompt_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    completion_tokens = models.PositiveBigIntegerField()
    queue = models.JSONField()
    ttft = models.JSONField()
    response = models.JSONField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["hour", "model"], name="one_row_per_model_and_hour")]

    def __str__(self) -> str:
        return f"{self.model}, {self.hour:%Y-%m-%d %H}h"
