"""What was deleted and may still be taken back."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from chat.sealed import SealedBinaryField


class Deletion(models.Model):
    """What `user` deleted of a session: its rows are gone, and `copy` has them until `until`.

    `people` are the session's owner and those whose words are in the copy: where one of them is erased, so is
    it. `files` names those on disk that no row knows meanwhile.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deletions")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    session_id = models.UUIDField()
    copy = SealedBinaryField()
    files = models.JSONField(default=list)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"deletion {self.id} in {self.session_id}"
