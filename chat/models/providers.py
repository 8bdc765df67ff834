"""Providers of remote models: who they are, how they are called, and how they have been doing."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.catalogue import LanguageModel

SECONDS = [MinValueValidator(0.1), MaxValueValidator(3600)]


class Continuation(models.TextChoices):
    """How a provider is asked to go on after a text that it did not say, if it can."""

    NONE = "none", _("None")
    ASSISTANT = "assistant", _("last message of the assistant")
    CONTINUE_FINAL_MESSAGE = "continue_final_message", _("continue_final_message (vLLM)")
    PREFIX = "prefix", _("prefix: true in the last message (DeepSeek, Mistral)")


class Provider(models.Model):
    """An OpenAI-compatible HTTP endpoint. Its key is sealed here, or named: an environment variable of the
    workers. `accepts` maps our options beyond OpenAI's to the provider's names for them.

    Those of low `priority` are asked first. Times are in seconds; `max_streams` counts over all workers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=50, unique=True)
    base_url = models.URLField(max_length=500)
    api_key_env = models.CharField(max_length=100, blank=True)
    sealed_api_key = models.TextField(blank=True, editable=False)
    is_enabled = models.BooleanField(default=True)
    priority = models.PositiveSmallIntegerField(default=100)
    continuation = models.CharField(max_length=30, choices=Continuation, default=Continuation.NONE)
    accepts = models.JSONField(default=dict, blank=True)
    connect_timeout_s = models.FloatField(default=5.0, validators=SECONDS)
    first_token_timeout_s = models.FloatField(default=60.0, validators=SECONDS)
    idle_timeout_s = models.FloatField(default=30.0, validators=SECONDS)
    max_streams = models.PositiveIntegerField(
        default=32, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["priority", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(continuation__in=Continuation.values), name="continuation_known"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class ProviderModel(models.Model):
    """A model that a provider serves, under the provider's own name for it, and how that has been going.

    `latency_ms` (to the first token) and `error_rate` (0 to 1) are moving averages over recent calls. After
    `failures` in a row it rests until `rests_until`; then one call, until `probing_until`, tries it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models")
    model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="providers")
    remote_name = models.CharField(max_length=200)
    calls = models.PositiveBigIntegerField(default=0)
    latency_ms = models.FloatField(null=True, blank=True)
    error_rate = models.FloatField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    rests_until = models.DateTimeField(null=True, blank=True)
    probing_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["provider__priority", "provider__slug", "model__slug"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "model"], name="one_row_per_provider_and_model"),
        ]

    def __str__(self) -> str:
        return f"{self.remote_name} at {self.provider_id}"
