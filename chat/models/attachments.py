"""Files that a message brings along, as text."""

from __future__ import annotations

import uuid

from django.db import models

from chat.models.files import StoredFile
from chat.models.sessions import ChatMessage, ChatSession
from chat.sealed import SealedTextField


class Attachment(models.Model):
    """A file uploaded into a session, and its text for the model. `message` is null until it is sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="attachments")
    message = models.ForeignKey(
        ChatMessage, on_delete=models.CASCADE, null=True, blank=True, related_name="attachment_rows"
    )
    file = models.OneToOneField(StoredFile, on_delete=models.CASCADE, related_name="attachment")
    kind = models.CharField(max_length=10)
    text = SealedTextField()
    is_truncated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} in {self.session_id}"
