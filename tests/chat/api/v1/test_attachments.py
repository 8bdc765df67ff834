"""Files that come with messages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from chat.models import Attachment, ChatSession, Deletion, Generation, StoredFile
from chat.selectors.conversations import conversation_of
from chat.services.undoing import purge_deletions
from tests.support.api import CHAT, Caller
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(ada: Caller) -> ChatSession:
    return make_session(ada.user)


def upload(
    caller: Caller, session: ChatSession, name: str = "notes.txt", content: bytes = b"Tea at five."
) -> Any:
    file = SimpleUploadedFile(name, content)
    return caller.client.post(f"{CHAT}sessions/{session.id}/upload", {"file": file})


def path_of(attachment_id: str) -> Path:
    return Path(StoredFile.objects.get(attachment__id=attachment_id).content.path)


def test_the_model_reads_what_was_sent_with_a_message(ada: Caller, session: ChatSession) -> None:
    made = upload(ada, session)
    assert made.status_code == 201
    file = made.json()
    assert {**file, "id": 0, "created_at": 0} == {
        "id": 0,
        "session_id": str(session.id),
        "message_id": None,
        "name": "notes.txt",
        "kind": "text",
        "size_bytes": 12,
        "characters": 12,
        "is_truncated": False,
        "created_at": 0,
    }
    sent = ada.post(
        f"sessions/{session.id}/messages", {"content": "When?", "attachments": [file["id"]]}
    ).json()
    named = [{"id": file["id"], "name": "notes.txt", "kind": "text", "size_bytes": 12}]
    assert sent["attachments"] == named
    listed = ada.get(f"sessions/{session.id}/messages").json()["messages"]
    assert [message["attachments"] for message in listed] == [named, []]
    [message] = conversation_of(Generation.objects.get(id=sent["generation_id"]))
    assert message.content == '<file name="notes.txt">\nTea at five.\n</file>\n\nWhen?'
    assert ada.get(f"attachments/{file['id']}").json()["message_id"] == sent["id"]
    assert StoredFile.objects.get().expires_at is None


def test_a_file_is_downloaded_as_it_came_and_never_shown(ada: Caller, session: ChatSession) -> None:
    id_ = upload(ada, session, "page.html", b"<script>1</script>").json()["id"]
    response = ada.get(f"attachments/{id_}/content")
    assert b"".join(response.streaming_content) == b"<script>1</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("how", ["message", "clear", "session", "unsent"])
def test_it_goes_with_what_it_belongs_to(
    ada: Caller, session: ChatSession, how: str, django_capture_on_commit_callbacks: Any
) -> None:
    id_ = upload(ada, session).json()["id"]
    path = path_of(id_)
    body = {"content": "x", "attachments": [id_], "respond": False}
    message = "" if how == "unsent" else ada.post(f"sessions/{session.id}/messages", body).json()["id"]
    assert path.exists()
    url = {
        "message": f"messages/{message}",
        "clear": f"sessions/{session.id}/messages",
        "session": f"sessions/{session.id}",
        "unsent": f"attachments/{id_}",
    }[how]
    with django_capture_on_commit_callbacks(execute=True):
        assert ada.delete(url).status_code == 200
    assert (Attachment.objects.count(), StoredFile.objects.count()) == (0, 0)
    Deletion.objects.update(until=timezone.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        purge_deletions()
    assert not path.exists()


def test_what_cannot_be_sent(ada: Caller, bob: Caller, session: ChatSession) -> None:
    id_ = upload(ada, session).json()["id"]
    other = make_session(ada.user)
    ada.post(f"sessions/{session.id}/participants", {"user_id": str(bob.user.id)})
    elsewhere = {"content": "x", "attachments": [id_], "respond": False}
    for caller, where in [(ada, other), (bob, session)]:
        response = caller.post(f"sessions/{where.id}/messages", elsewhere)
        assert (response.status_code, response.json()["details"]["field"]) == (404, "attachments")
    assert bob.get(f"attachments/{id_}").status_code == 404
    assert ada.post(f"sessions/{session.id}/messages", elsewhere).status_code == 201
    assert ada.post(f"sessions/{session.id}/messages", elsewhere).status_code == 404
    assert bob.get(f"attachments/{id_}").status_code == 200
    many = {"content": "x", "attachments": [id_] * 11}
    assert ada.post(f"sessions/{session.id}/messages", many).status_code == 422


def test_what_cannot_be_uploaded(ada: Caller, session: ChatSession, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 20
    large = upload(ada, session, content=b"x" * 21)
    assert (large.status_code, large.json()["details"]["field"]) == (413, "file")
    assert "20 bytes" in large.json()["details"]["message"]
    binary = upload(ada, session, content=b"\0\1")
    assert (binary.status_code, binary.json()["details"]["field"]) == (422, "file")
    missing = ada.client.post(f"{CHAT}sessions/{session.id}/upload", {})
    assert (missing.status_code, missing.json()["details"]["field"]) == (422, "file")
    assert not StoredFile.objects.exists()
