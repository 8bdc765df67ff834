"""What a group of people may use."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models


class GroupLimits(models.Model):
    """Which models the people of a group may use, none named: all; and how much. What is empty is not limited
    here. Of somebody's groups that have limits the most generous counts.

    Tokens are those of prompts and replies, batch lines too, from midnight to midnight UTC.
    """

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="limits")
    allowed_models = models.JSONField(default=list, blank=True)
    tokens_per_day = models.PositiveBigIntegerField(null=True, blank=True)
    max_running = models.PositiveIntegerField(null=True, blank=True)
    max_queued = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "group limits"

    def __str__(self) -> str:
        return f"limits of {self.group}"
