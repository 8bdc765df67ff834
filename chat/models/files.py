"""Files that programs and people upload, and those that batch jobs write."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class FilePurpose(models.TextChoices):
    """What a file is for, in OpenAI's words."""

    ASSISTANTS = "assistants"
    BATCH = "batch"
    BATCH_OUTPUT = "batch_output"
    EVALS = "evals"
    FINE_TUNE = "fine-tune"
    USER_DATA = "user_data"
    VISION = "vision"


class StoredFile(models.Model):
    """A file of a user's, in the directory of files. One without `expires_at` stays until it is deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="files")
    purpose = models.CharField(max_length=20, choices=FilePurpose)
    filename = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    content = models.FileField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at"], name="file_user_recent"),
            models.Index(fields=["expires_at"], name="file_expiry", condition=Q(expires_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=FilePurpose.values), name="file_purpose_known"),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.purpose}, {self.size_bytes} bytes)"
