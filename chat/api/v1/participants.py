"""Participants and invitations."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Router, Schema, Status
from pydantic import Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import Id, Name, example
from chat.api.v1.schemas import Done, Strict, Time
from chat.models import Participant, ParticipantRole
from chat.selectors.participants import list_participants
from chat.services.access import require_reader
from chat.services.errors import InvalidRequest
from chat.services.participants import (
    MOST_USES,
    accept_invitation,
    add_participant,
    create_invitation,
    remove_participant,
)

router = Router(tags=["participants"], auth=LOGGED_IN)
Given = Literal["member", "viewer"]


class ParticipantOut(Schema):
    """A person in a session."""

    user_id: UUID
    username: str
    role: Literal["owner", "member", "viewer"]
    joined_at: Time


class Participants(Schema):
    """In the order of joining."""

    participants: list[ParticipantOut]
    total_count: int


class ParticipantIn(Strict):
    """Somebody by id or by username."""

    model_config = example(username="$GUEST", role="viewer")

    user_id: Id | None = None
    username: Annotated[Name, Field(max_length=150)] | None = None
    role: Given = "member"


class InvitationIn(Strict):
    """What those who follow the link may do, and how many may."""

    model_config = example(role="viewer", max_uses=5)

    role: Given = "member"
    max_uses: Annotated[int, Field(ge=1, le=MOST_USES)] = 1


class InvitationOut(Schema):
    """`token` and `url`, the page for people who follow it, are shown only here."""

    token: str
    url: str
    role: Given
    max_uses: int
    expires_at: Time


class Joined(ParticipantOut):
    """One's own part in a session."""

    session_id: UUID


@router.get("sessions/{uuid:session_id}/participants", response=Participants, summary="Who takes part")
def get_participants(request: HttpRequest, session_id: UUID) -> Any:
    """For everybody in the session."""
    require_reader(user=user_of(request), session_id=session_id)
    rows = list_participants(session_id)
    return {"participants": [_fields(row) for row in rows], "total_count": len(rows)}


@router.post(
    "sessions/{uuid:session_id}/participants", response={201: ParticipantOut}, summary="Add somebody"
)
def post_participant(request: HttpRequest, session_id: UUID, body: ParticipantIn) -> Any:
    """Or change their role. For the owner."""
    who = body.user_id or body.username
    if not who or (body.user_id and body.username):
        raise InvalidRequest("Give either user_id or username.", field="user_id")
    row = add_participant(
        user=user_of(request), session_id=session_id, who=who, role=ParticipantRole(body.role)
    )
    return Status(201, _fields(row))


@router.delete(
    "sessions/{uuid:session_id}/participants/{uuid:user_id}", response=Done, summary="Remove somebody"
)
def delete_participant(request: HttpRequest, session_id: UUID, user_id: UUID) -> Any:
    """For the owner; everybody else may remove themselves."""
    remove_participant(user=user_of(request), session_id=session_id, user_id=user_id)
    return Done(message="They do not take part any more.")


@router.post(
    "sessions/{uuid:session_id}/invitations", response={201: InvitationOut}, summary="An invitation link"
)
def post_invitation(request: HttpRequest, session_id: UUID, body: InvitationIn) -> Any:
    """Good for a week and `max_uses` people. For the owner."""
    row, token = create_invitation(
        user=user_of(request),
        session_id=session_id,
        role=ParticipantRole(body.role),
        max_uses=body.max_uses,
    )
    url = request.build_absolute_uri(reverse("join_session", args=[token]))
    shown = {"role": row.role, "max_uses": row.max_uses, "expires_at": row.expires_at}
    return Status(201, {"token": token, "url": url, **shown})


@router.post("invitations/{token}/accept", response=Joined, summary="Follow an invitation")
def post_acceptance(request: HttpRequest, token: str) -> Any:
    """Makes the caller a participant."""
    row = accept_invitation(user=user_of(request), token=token)
    return _fields(row) | {"session_id": row.session_id}


def _fields(row: Participant) -> dict[str, Any]:
    return {
        "user_id": row.user_id,
        "username": row.user.username,
        "role": row.role,
        "joined_at": row.joined_at,
    }
