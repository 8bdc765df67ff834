"""Sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema, Status

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import Name
from chat.api.v1.schemas import (
    Deleted,
    Page,
    PageSize,
    SessionChanges,
    SessionIn,
    SessionList,
    SessionOut,
)
from chat.models import User
from chat.selectors.sessions import PAGE_SIZE, find_session, list_sessions
from chat.services.errors import Forbidden, NotFound
from chat.services.sessions import create_session, delete_session, update_session
from chat.services.undoing import undo_deletion

router = Router(tags=["sessions"], auth=LOGGED_IN)
NO_FIELDS: Any = Body(SessionIn())  # type: ignore[type-arg]


class Restored(Schema):
    """Where everything is back."""

    session_id: UUID


class SessionFilters(Schema):
    """Which sessions, and which page of them."""

    page: Page = 1
    page_size: PageSize = PAGE_SIZE
    is_active: bool | None = None
    llm_provider: Name | None = None
    user_id: UUID | None = None
    q: str = ""


@router.get("sessions", response=SessionList, summary="One's sessions")
def get_sessions(request: HttpRequest, filters: Query[SessionFilters]) -> Any:
    """Sessions the caller takes part in, the most recently changed first. Staff may give a `user_id`."""
    wanted = filters.dict()
    user = _whose(user_of(request), wanted.pop("user_id"))
    wanted["q"] = wanted["q"].replace("\0", "")
    found = list_sessions(user=user, **wanted)
    return SessionList(
        sessions=[SessionOut.of(row) for row in found.sessions],
        total_count=found.total_count,
        page=found.page,
        page_size=found.page_size,
        has_more=found.has_more,
    )


@router.post("sessions", response={201: SessionOut}, summary="A new session")
def post_session(request: HttpRequest, body: SessionIn = NO_FIELDS) -> Any:
    """Everything has a default."""
    return Status(201, SessionOut.of(create_session(user=user_of(request), **body.dict(exclude_unset=True))))


@router.get("sessions/{uuid:session_id}", response=SessionOut, summary="A session")
def get_session(request: HttpRequest, session_id: UUID) -> Any:
    """One the caller takes part in."""
    found = find_session(user=user_of(request), session_id=session_id)
    if found is None:
        raise NotFound("There is no such session.")
    return SessionOut.of(found)


@router.put("sessions/{uuid:session_id}", response=SessionOut, summary="Change a session")
def put_session(request: HttpRequest, session_id: UUID, body: SessionChanges) -> Any:
    """Only the fields that are given change. For its owner."""
    changes = body.dict(exclude_unset=True)
    return SessionOut.of(update_session(user=user_of(request), session_id=session_id, **changes))


@router.delete("sessions/{uuid:session_id}", response=Deleted, summary="Delete a session")
def remove_session(request: HttpRequest, session_id: UUID) -> Any:
    """With its messages; closes its sockets and stops its replies. For its owner."""
    deletion = delete_session(user=user_of(request), session_id=session_id)
    return Deleted.of("The session has been deleted.", deletion)


@router.post("deletions/{uuid:deletion_id}/undo", response=Restored, summary="Take a deletion back")
def post_undo(request: HttpRequest, deletion_id: UUID) -> Any:
    """What the caller deleted a moment ago: a message, all messages of a session, or a session."""
    return Restored(session_id=undo_deletion(user=user_of(request), deletion_id=deletion_id))


def _whose(caller: User, user_id: UUID | None) -> User:
    if user_id is None or user_id == caller.id:
        return caller
    if not caller.is_staff:
        raise Forbidden("Only staff may list other people's sessions.", field="user_id")
    user = User.objects.filter(id=user_id).first()
    if user is None:
        raise NotFound("There is no such user.", field="user_id")
    return user
