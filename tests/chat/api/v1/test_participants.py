"""Taking part, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Invitation, Participant
from chat.realtime.protocol.closing import CloseSockets
from chat.realtime.protocol.events import ParticipantUpdate
from tests.support.api import Caller
from tests.support.factories import make_session


def test_the_owner_adds_and_everybody_sees(ada: Caller, bob: Caller) -> None:
    path = f"sessions/{make_session(ada.user).id}/participants"
    added = ada.post(path, {"username": bob.user.username, "role": "viewer"})
    assert (added.status_code, added.json()["user_id"], added.json()["role"]) == (
        201,
        str(bob.user.id),
        "viewer",
    )
    seen = bob.get(path).json()
    assert [(row["username"], row["role"]) for row in seen["participants"]] == [
        (ada.user.username, "owner"),
        (bob.user.username, "viewer"),
    ]
    assert seen["total_count"] == 2
    assert ada.post(path, {"user_id": bob.user.id, "role": "member"}).json()["role"] == "member"
    assert bob.get(path).json()["total_count"] == 2


def test_what_a_role_may(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user)
    path = f"sessions/{session.id}"
    ada.post(f"{path}/participants", {"user_id": bob.user.id, "role": "viewer"})
    assert bob.get(f"{path}/messages").status_code == 200
    assert bob.post(f"{path}/messages", {"content": "Hi"}).status_code == 403
    assert bob.post(f"{path}/participants", {"user_id": bob.user.id, "role": "member"}).status_code == 403
    assert bob.post(f"{path}/invitations").status_code == 403
    ada.post(f"{path}/participants", {"user_id": bob.user.id, "role": "member"})
    assert bob.post(f"{path}/messages", {"content": "Hi"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "user_id"),
        ({"username": "nobody"}, 404, "username"),
        ({"user_id": str(uuid4())}, 404, "user_id"),
        ({"username": "x", "role": "owner"}, 422, "role"),
    ],
)
def test_who_cannot_be_added(ada: Caller, body: Any, status: int, field: str) -> None:
    response = ada.post(f"sessions/{make_session(ada.user).id}/participants", body)
    assert (response.status_code, response.json()["details"]["field"]) == (status, field)


def test_the_owner_stays_the_owner(ada: Caller) -> None:
    path = f"sessions/{make_session(ada.user).id}/participants"
    assert ada.post(path, {"user_id": ada.user.id}).status_code == 409
    assert ada.delete(f"{path}/{ada.user.id}").status_code == 403


def test_a_session_has_room_for_so_many(ada: Caller, bob: Caller, settings: Any) -> None:
    settings.MAX_PARTICIPANTS = 1
    response = ada.post(f"sessions/{make_session(ada.user).id}/participants", {"user_id": bob.user.id})
    assert response.status_code == 409
    assert "at most 1" in response.json()["details"]["message"]


def test_another_role_is_told(
    ada: Caller, bob: Caller, told: list[tuple[str, object]], django_capture_on_commit_callbacks: Any
) -> None:
    session = make_session(ada.user)
    path = f"sessions/{session.id}/participants"
    with django_capture_on_commit_callbacks(execute=True):
        ada.post(path, {"user_id": bob.user.id, "role": "viewer"})
    assert told == []
    with django_capture_on_commit_callbacks(execute=True):
        ada.post(path, {"user_id": bob.user.id, "role": "member"})
    update = ParticipantUpdate(session_id=str(session.id), user_id=str(bob.user.id), role="member")
    assert told == [(f"session.{session.id}", update)]


def test_removing_closes_their_sockets(
    ada: Caller, bob: Caller, told: list[tuple[str, object]], django_capture_on_commit_callbacks: Any
) -> None:
    session = make_session(ada.user)
    path = f"sessions/{session.id}/participants"
    ada.post(path, {"user_id": bob.user.id})
    assert Caller().delete(f"{path}/{bob.user.id}").status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        assert ada.delete(f"{path}/{bob.user.id}").status_code == 200
    assert (f"session.{session.id}", CloseSockets(code=4403, user_id=str(bob.user.id))) in told
    assert bob.get(path).status_code == 404
    assert ada.delete(f"{path}/{bob.user.id}").status_code == 404
    ada.post(path, {"user_id": bob.user.id})
    assert bob.delete(f"{path}/{bob.user.id}").status_code == 200


def test_an_invitation_is_good_for_so_many(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user)
    invited = ada.post(f"sessions/{session.id}/invitations", {"role": "viewer", "max_uses": 1}).json()
    page = Client()
    page.force_login(bob.user)
    assert page.get(invited["url"].removeprefix("http://testserver")).status_code == 200
    path = f"invitations/{invited['token']}/accept"
    for _ in range(2):
        joined = bob.post(path)
        assert (joined.status_code, joined.json()["role"], joined.json()["session_id"]) == (
            200,
            "viewer",
            str(session.id),
        )
    assert Caller().post(path).status_code == 404
    assert Participant.objects.filter(session=session).count() == 2
    assert invited["token"] not in str(Invitation.objects.values().get())


def test_an_invitation_expires(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user)
    token = ada.post(f"sessions/{session.id}/invitations").json()["token"]
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bob.post(f"invitations/{token}/accept").status_code == 404
    assert bob.post("invitations/wrong/accept").status_code == 404


def test_a_list_takes_few_queries(ada: Caller, django_assert_max_num_queries: Any) -> None:
    session = make_session(ada.user)
    for _ in range(10):
        ada.post(f"sessions/{session.id}/participants", {"user_id": Caller().user.id})
    with django_assert_max_num_queries(6):
        assert ada.get(f"sessions/{session.id}/participants").json()["total_count"] == 11
