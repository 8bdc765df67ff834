from __future__ import annotations

import pytest

from chat.models import Appeal, Case
from tests.support.api import Caller
from tests.support.factories import make_message, make_notice, make_session

pytestmark = pytest.mark.django_db


def test_a_report_is_answered(ada: Caller) -> None:
    message = make_message(make_session(ada.user))
    path = f"messages/{message.id}/report"
    first = ada.post(path, {"kind": "hate", "words": "Look at this"})
    assert first.status_code == 201
    assert first.json()["message_id"] == str(message.id)
    assert ada.post(path, {"kind": "hate"}).json()["id"] == first.json()["id"]
    assert Case.objects.get().report_count == 1
    refused = ada.post(path, {"kind": "boring"})
    assert (refused.status_code, refused.json()["details"]["field"]) == (422, "kind")


def test_notices_are_read_and_appealed(ada: Caller) -> None:
    older, newer = make_notice(ada.user), make_notice(ada.user)
    make_notice(make_session().owner)
    listed = ada.get("notices?page_size=1").json()
    assert ([each["id"] for each in listed["notices"]], listed["unread_count"]) == ([str(newer.id)], 2)
    assert listed["has_more"]
    before = listed["notices"][0]["created_at"]
    rest = ada.get("notices?before=" + before).json()["notices"]
    assert [each["id"] for each in rest] == [str(older.id)]

    assert ada.post(f"notices/{newer.id}/read", {}).json()["read_at"]
    appealed = ada.post(f"notices/{newer.id}/appeal", {"words": "No!"})
    assert (appealed.status_code, appealed.json()["status"]) == (201, "open")
    assert Appeal.objects.get().words == "No!"
    again = ada.post(f"notices/{newer.id}/appeal", {"words": "No!"})
    assert again.status_code == 409
    shown = ada.get("notices").json()
    assert (shown["unread_count"], shown["notices"][0]["is_appealable"]) == (1, False)
    assert shown["notices"][0]["appeal"]["status"] == "open"
