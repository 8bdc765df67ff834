"""The models people may choose from."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

ENCODERS = frozenset(
    {
        *("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3"),
        *("eurobert", "gemma-embedding", "t5encoder"),
    }
)
"""Architectures that make embeddings and nothing else."""


class LanguageModel(models.Model):
    """A GGUF file on disk that workers can load, checked when it was added; or a remote one of providers.

    `modified_ns` is the file's own time then, 0 where that was not noted: any other means to check it again.
    `fallback` answers while no worker offers this one, and its own fallback while none offers that.
    `is_matryoshka`: its embeddings were trained to be cut; no file says so.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=500)
    path = models.CharField(max_length=1000)
    digest = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    modified_ns = models.PositiveBigIntegerField(default=0)
    architecture = models.CharField(max_length=50)
    context_length = models.PositiveIntegerField()
    chat_template = models.TextField(blank=True)
    is_matryoshka = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    is_remote = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    fallback = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_model"
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_encoder(self) -> bool:
        """Whether it makes embeddings and writes no replies."""
        return self.architecture in ENCODERS


class LoraAdapter(models.Model):
    """A LoRA adapter's GGUF file, checked against the model that it changes when it was added."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="adapters")
    slug = models.SlugField(max_length=100)
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=1000)
    digest = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["model", "slug"]
        constraints = [models.UniqueConstraint(fields=["model", "slug"], name="one_adapter_of_a_name")]

    def __str__(self) -> str:
        return f"{self.slug} for {self.model}"
