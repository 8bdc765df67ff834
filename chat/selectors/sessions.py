"""Sessions as people see them: whose they are, and lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from chat.models import ChatSession, Participant, ParticipantRole, User
from chat.sealed import is_sealing

PAGE_SIZE = 50


@dataclass(frozen=True)
class SessionPage:
    """One page of a list, newest first; `total_count` counts the whole list."""

    sessions: list[ChatSession]
    total_count: int
    page: int
    page_size: int

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.page * self.page_size < self.total_count


def session_exists(session_id: UUID) -> bool:
    """Whether there is such a session, whoever may see it."""
    return ChatSession.objects.filter(id=session_id).exists()


def participant_role(*, user_id: UUID, session_id: UUID) -> ParticipantRole | None:
    """What this person may do in this session; None without any part in it."""
    role = (
        Participant.objects.filter(session_id=session_id, user_id=user_id)
        .values_list("role", flat=True)
        .first()
    )
    return ParticipantRole(role) if role is not None else None


def may_write(role: ParticipantRole | None) -> bool:
    """Owners and members send, edit and cancel; viewers read."""
    return role in (ParticipantRole.OWNER, ParticipantRole.MEMBER)


def titled(q: str, *, user: User, path: str = "") -> Q:
    """The condition of a title with `q` in it, of a user's sessions; sealed titles are read one by one."""
    if not is_sealing():
        return Q(**{f"{path}title__icontains": q})
    own = Participant.objects.filter(user=user).values_list("session_id", "session__title")
    return Q(**{f"{path}id__in": [id_ for id_, title in own if q.casefold() in title.casefold()]})


def sessions_of(user: User) -> QuerySet[ChatSession]:
    """Every session this person takes part in, the most recently changed first."""
    return ChatSession.objects.filter(participants__user=user).order_by("-updated_at", "id")


def find_session(*, user: User, session_id: UUID) -> ChatSession | None:
    """The session, if this person takes part in it."""
    return sessions_of(user).filter(id=session_id).first()


def list_sessions(
    *,
    user: User,
    page: int = 1,
    page_size: int = PAGE_SIZE,
    is_active: bool | None = None,
    llm_provider: str | None = None,
    q: str = "",
) -> SessionPage:
    """One page of a person's sessions, in three queries. `page` counts from 1, `q` is part of a title."""
    found = sessions_of(user).filter(is_hidden=False)
    if is_active is not None:
        found = found.filter(is_active=is_active)
    if llm_provider:
        found = found.filter(llm_provider=llm_provider)
    if q:
        found = found.filter(titled(q, user=user))
    start = (page - 1) * page_size
    # First only which, so that nothing wide is read and sorted to be skipped.
    ids = list(found.values_list("id", flat=True)[start : start + page_size])
    rows = ChatSession.objects.in_bulk(ids)
    shown = [rows[id_] for id_ in ids if id_ in rows]
    return SessionPage(shown, found.count(), page, page_size)
