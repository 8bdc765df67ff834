"""Chat panels on pages of other sites, and who visits them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from chat.sealed import SealedTextField


class Panel(models.Model):
    """A chat that pages of `allowed_origins` may show in a frame, made by an administrator."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="panels")
    name = models.CharField(max_length=60)
    llm_model = models.CharField(max_length=100, blank=True)
    system_prompt = SealedTextField(blank=True)
    opening = SealedTextField(blank=True)
    allowed_origins = models.JSONField(default=list)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Visitor(models.Model):
    """Somebody at a panel: an account of their own that nobody can log in to, gone with its only chat."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    panel = models.ForeignKey(Panel, on_delete=models.CASCADE, related_name="visitors")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"visitor {self.user_id}"
