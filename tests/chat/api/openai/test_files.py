"""The files API, by OpenAI's words."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.test import AsyncClient
from django.utils import timezone

from chat.models import BatchJob, StoredFile
from chat.services.files import purge_files, store_file
from tests.support.api import Caller
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def upload(caller: Caller, content: bytes = b"{}\n", *, purpose: str = "batch", **more: Any) -> Any:
    file = SimpleUploadedFile("requests.jsonl", content)
    return caller.client.post("/v1/files", {"purpose": purpose, "file": file, **more})


@pytest.fixture
def caller(files_dir: Path) -> Caller:
    return Caller()


def test_upload_retrieve_content_delete(
    caller: Caller, files_dir: Path, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    made = upload(caller, b"abc\n").json()
    assert made["id"].startswith("file-")
    assert (made["object"], made["bytes"], made["filename"]) == ("file", 4, "requests.jsonl")
    # Counted a moment before the row is written: the second may change in between.
    assert made["expires_at"] - made["created_at"] - 30 * 86_400 in (-1, 0)
    assert caller.get(f"/v1/files/{made['id']}").json() == made
    assert len([path for path in files_dir.iterdir() if path.is_file()]) == 1
    with django_capture_on_commit_callbacks(execute=True):
        gone = caller.delete(f"/v1/files/{made['id']}").json()
    assert gone == {"id": made["id"], "object": "file", "deleted": True}
    assert not [path for path in files_dir.iterdir() if path.is_file()]
    refused = caller.get(f"/v1/files/{made['id']}")
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.django_db(transaction=True)
async def test_content_is_streamed(files_dir: Path) -> None:
    caller = await sync_to_async(Caller)()
    made = (await sync_to_async(upload)(caller, b"x" * 600_000)).json()
    key = {"Authorization": f"Bearer {caller.secret}"}
    response = await AsyncClient().get(f"/v1/files/{made['id']}/content", headers=key)
    assert response.streaming
    pieces = [piece async for piece in response.streaming_content]  # type: ignore[attr-defined]
    assert (len(pieces), b"".join(pieces)) == (3, b"x" * 600_000)


def test_lists_pages_of_the_callers_own(caller: Caller) -> None:
    ids = [upload(caller, str(number).encode()).json()["id"] for number in range(3)]
    upload(Caller())
    upload(caller, purpose="user_data")
    first = caller.get("/v1/files?purpose=batch&limit=2").json()
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (ids[:0:-1], True)
    rest = caller.get(f"/v1/files?purpose=batch&after={first['last_id']}").json()
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == (ids[:1], False)
    oldest = caller.get("/v1/files?order=asc&limit=1").json()
    assert oldest["data"][0]["id"] == ids[0]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"purpose": "batch_output"}, "purpose"),
        ({"purpose": "nonsense"}, "purpose"),
        ({"expires_after[anchor]": "last_active", "expires_after[seconds]": "3600"}, "expires_after.anchor"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "1"}, "expires_after.seconds"),
        ({"expires_after[anchor]": "created_at"}, "expires_after.seconds"),
    ],
)
def test_refusals_name_the_field(caller: Caller, more: dict[str, Any], param: str) -> None:
    refused = upload(caller, **more)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_too_large(caller: Caller, settings: Any) -> None:
    settings.MAX_FILE_BYTES = 3
    assert upload(caller, b"abc").status_code == 200
    assert upload(caller, b"abcd").status_code == 413
    settings.MAX_STORED_BYTES_PER_USER = 5
    assert upload(caller, b"abc").status_code == 413


def test_a_file_being_validated_stays(caller: Caller) -> None:
    made = upload(caller).json()
    BatchJob.objects.create(user=caller.user, endpoint="/v1/completions", input_file=StoredFile.objects.get())
    assert caller.delete(f"/v1/files/{made['id']}").status_code == 409


def test_a_large_upload_is_renamed_not_copied(files_dir: Path) -> None:
    file = TemporaryUploadedFile("big.jsonl", "text/plain", 3, None)
    file.write(b"abc")
    file.seek(0)
    inode = Path(file.temporary_file_path()).stat().st_ino
    row = store_file(user=make_user(), purpose="batch", file=file, filename="big.jsonl")
    file.close()
    assert Path(row.content.path).stat().st_ino == inode


@pytest.mark.django_db(transaction=True)
def test_purge_takes_the_expired_and_the_forgotten(files_dir: Path) -> None:
    caller = Caller()
    kept = upload(caller).json()["id"]
    upload(caller)
    expired = StoredFile.objects.order_by("created_at").last()
    assert expired is not None
    StoredFile.objects.filter(id=expired.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    forgotten, fresh = files_dir / "incoming" / "left.upload", files_dir / "fresh"
    for path in (forgotten, fresh):
        path.write_bytes(b"")
    os.utime(forgotten, (0, 0))
    assert purge_files() == 2
    assert f"file-{StoredFile.objects.get().id.hex}" == kept
    assert (forgotten.exists(), fresh.exists()) == (False, True)
