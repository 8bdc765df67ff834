"""What people begin their chats with."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from chat.sealed import SealedTextField


class Preset(models.Model):
    """A name for a model, a system prompt and settings. A shared one is offered to everybody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=60)
    llm_model = models.CharField(max_length=100, blank=True)
    system_prompt = SealedTextField(blank=True)
    settings = models.JSONField(default=dict, blank=True)
    is_shared = models.BooleanField(default=False, db_index=True)

    class Meta:
        ordering = ["is_shared", "name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_preset_of_a_name")]

    def __str__(self) -> str:
        return self.name
