"""Reactions over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from chat.models import Participant, ParticipantRole
from chat.realtime.protocol.events import MessageUpdate
from tests.support.api import Caller
from tests.support.factories import make_message, make_session


def path_of(message: Any, emoji: str) -> str:
    return f"messages/{message.id}/reactions/{quote(emoji)}"


def test_reactions_are_counted_once_a_person(
    ada: Caller, bob: Caller, told: list[tuple[str, object]], django_capture_on_commit_callbacks: Any
) -> None:
    session = make_session(ada.user)
    message = make_message(session)
    Participant.objects.create(session=session, user=bob.user, role=ParticipantRole.VIEWER)
    with django_capture_on_commit_callbacks(execute=True):
        for caller, expected in [(ada, 1), (ada, 1), (bob, 2)]:
            assert caller.put(path_of(message, "👍")).json()["reactions"] == {"👍": expected}
    assert [event.action for _, event in told if isinstance(event, MessageUpdate)] == ["updated"] * 2
    assert bob.put(path_of(message, "❤️")).json()["reactions"] == {"❤️": 1, "👍": 2}
    assert ada.delete(path_of(message, "❤️")).json()["reactions"] == {"❤️": 1, "👍": 2}
    assert bob.delete(path_of(message, "❤️")).json()["reactions"] == {"👍": 2}
    listed = ada.get(f"sessions/{session.id}/messages").json()["messages"]
    assert listed[0]["reactions"] == {"👍": 2}
    assert listed[0]["reacted_by"] == {"👍": [str(ada.user.id), str(bob.user.id)]}
    assert listed[0]["reactor_names"] == {str(caller.user.id): caller.user.username for caller in (ada, bob)}


@pytest.mark.parametrize("emoji", ["x", "<script>", "👍 👍", "1", "é", "👍" * 33])
def test_only_emoji(ada: Caller, emoji: str) -> None:
    response = ada.put(path_of(make_message(make_session(ada.user)), emoji))
    assert (response.status_code, response.json()["details"]["field"]) == (422, "emoji")


@pytest.mark.parametrize("emoji", ["👍🏽", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👩‍💻"])
def test_every_emoji(ada: Caller, emoji: str) -> None:
    response = ada.put(path_of(make_message(make_session(ada.user)), emoji))
    assert response.json()["reactions"] == {emoji: 1}


def test_somebody_elses_message_is_not_there(ada: Caller, bob: Caller) -> None:
    assert bob.put(path_of(make_message(make_session(ada.user)), "👍")).status_code == 404
