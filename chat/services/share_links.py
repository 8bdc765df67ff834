"""Links with which anybody may read a session, and taking them back."""

from __future__ import annotations

import secrets
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat.models import SharedLink, User
from chat.services.access import lock_owned


def share_session(*, user: User, session_id: UUID) -> SharedLink:
    """The session's link, which now shows everything up to now; its owner may."""
    with transaction.atomic():
        session = lock_owned(user=user, session_id=session_id)
        link, _ = SharedLink.objects.update_or_create(
            session=session,
            defaults={"until": timezone.now()},
            create_defaults={
                "until": timezone.now(),
                "token": secrets.token_urlsafe(24),
                "created_by": user,
            },
        )
        return link


def revoke_link(*, user: User, session_id: UUID) -> None:
    """From now on the link leads nowhere, also if the session is shared again; its owner may."""
    with transaction.atomic():
        session = lock_owned(user=user, session_id=session_id)
        SharedLink.objects.filter(session=session).delete()
