"""The batch pages: upload, tables, progress, downloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import EMBEDDINGS, BatchJob, BatchLine, BatchStatus, StoredFile, User
from chat.services.batches import LineError
from tests.support.api import offer_model
from tests.support.batches import answer, claim, make_job, request_line, tend
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _place(files_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)


@pytest.fixture
def user(db: None) -> User:
    offer_model()
    return make_user()


@pytest.fixture
def page(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def upload(page: Client, name: str, content: bytes, **fields: Any) -> Any:
    return page.post(reverse("batches"), {"file": SimpleUploadedFile(name, content), **fields})


def test_a_file_of_requests_becomes_a_job(page: Client) -> None:
    answered = upload(page, "in.jsonl", json.dumps(request_line()).encode())
    job = BatchJob.objects.get()
    assert answered.url == reverse("batch", args=[job.id])
    assert tend().status == BatchStatus.IN_PROGRESS
    assert "in.jsonl" in page.get(reverse("batches")).content.decode()


def test_the_list_takes_as_many_queries_for_many_jobs(page: Client, user: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page.get(reverse("batches"))
        return len(queries)

    make_job(user=user)
    few = count()
    for _ in range(5):
        make_job(user=user)
    assert count() == few


def test_the_list_goes_on_behind_its_last_job(
    page: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.web.batches.JOBS", 1)
    older, newer = make_job(user=user), make_job(user=user)
    first = page.get(reverse("batches"))
    assert first.context["jobs"] == [newer]
    second = page.get(reverse("batches") + first.context["more"])
    assert (second.context["jobs"], second.context["more"]) == ([older], "")
    assert "Next page" not in second.content.decode()


def test_a_refused_upload_says_why_and_keeps_nothing(page: Client) -> None:
    answered = upload(page, "in.jsonl", b"{}", webhook_url="http://127.0.0.1/")
    assert answered.status_code == 400
    assert "private address" in answered.content.decode()
    assert not StoredFile.objects.exists()


def test_a_table_is_mapped_to_prompts(page: Client) -> None:
    table = '\ufeffname;city\nAda;London\n"Bob; Jr";Paris\n'.encode()
    mapping = upload(page, "people.csv", table).url
    shown = page.get(mapping).content.decode()
    assert "{city}" in shown
    assert "London" in shown
    template = "Where is {name}? In {city}."
    given = {"template": template, "model": "paced", "id_column": "name", "max_tokens": "5"}
    assert page.post(mapping, given | {"template": "{nothing}"}).status_code == 400
    page.post(mapping, given)
    assert tend().status == BatchStatus.IN_PROGRESS
    first, second = BatchLine.objects.order_by("number")
    assert (first.custom_id, second.custom_id) == ("Ada", "Bob; Jr")
    body = json.loads(second.body)
    assert body["messages"][0]["content"] == "Where is Bob; Jr? In Paris."
    assert body["max_tokens"] == 5


def test_who_hears_of_a_tables_end_is_asked_once(page: Client, settings: Any) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    hook = "http://127.0.0.1/hook"
    mapping = upload(page, "people.csv", b"id,question\n1,Where is Ada?\n", webhook_url=hook).url
    shown = page.get(mapping).content.decode()
    assert hook in shown
    assert "{question}</textarea>" in shown
    given = {"template": "{question}", "model": "paced", "webhook_url": hook}
    assert page.post(mapping, given | {"notify_email": "on"}).status_code == 400  # no address, and no mail
    page.post(mapping, given)
    assert BatchJob.objects.get().webhook_url == hook
    assert StoredFile.objects.count() == 2  # the table and its requests; nothing of the refused try


@pytest.mark.parametrize("content", [b"", b"\xff\xfe,\n"])
def test_what_is_no_table_is_told(page: Client, content: bytes) -> None:
    answered = upload(page, "x.csv", content or b"\n")
    followed = page.get(answered.url, follow=True)
    assert "table" in followed.content.decode()
    assert not BatchJob.objects.exists()


def test_progress_errors_results_and_actions(page: Client, user: User) -> None:
    job = make_job(3, user=user)
    first, second = claim(2)
    answer(first, "An <answer>.")
    answer(second, error=LineError(code="poison_request", message="It crashes."))
    response = page.get(reverse("batch_progress", args=[job.id]))
    shown = response.content.decode()
    assert "2 / 3" in shown
    assert "An &lt;answer&gt;." in shown
    assert "poison_request" in shown
    assert "It crashes." in shown
    assert ' UTC">' in shown  # about when it ends
    assert "X-Poll" not in response
    page.post(reverse("steer_batch", args=[job.id]), {"is_paused": "1"})
    page.post(reverse("steer_batch", args=[job.id]), {"priority": "2", "max_running": "4"})
    job.refresh_from_db()
    assert (job.is_paused, job.priority, job.max_running) == (True, 2, 4)
    page.post(reverse("cancel_batch", args=[job.id]))
    assert tend().status == BatchStatus.CANCELLED
    ended = page.get(reverse("batch", args=[job.id])).content.decode()
    assert "Retry failed" in ended
    assert page.get(reverse("batch_progress", args=[job.id]))["X-Poll"] == "done"
    page.post(reverse("retry_batch", args=[job.id]))
    job.refresh_from_db()
    assert job.status == BatchStatus.IN_PROGRESS
    refused = page.post(reverse("delete_batch", args=[job.id]), follow=True)
    assert "Cancel the batch first." in refused.content.decode()


@pytest.mark.parametrize("name", ["batch", "batch_progress"])
def test_a_jobs_page_takes_as_many_queries_for_many_lines(name: str, page: Client, user: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page.get(reverse(name, args=[job.id]))
        return len(queries)

    job = make_job(9, user=user)
    answer(claim()[0], "Fine.")
    without_errors = count()
    for code in ("a", "b"):
        answer(claim()[0], error=LineError(code=code, message="It crashes."))
    assert count() == without_errors + 2
    for line in claim(4):
        answer(line)
    assert count() == without_errors + 2
    assert without_errors <= {"batch": 11, "batch_progress": 6}[name]


def test_vectors_are_not_read_for_the_page(page: Client, user: User) -> None:
    job = make_job(user=user)
    BatchJob.objects.update(endpoint=EMBEDDINGS)
    answer(claim()[0], "[1 x 2 numbers]")
    shown = page.get(reverse("batch_progress", args=[job.id])).content.decode()
    assert "1 / 1" in shown
    assert "numbers" not in shown


def test_the_validation_report(page: Client, user: User) -> None:
    upload(page, "in.jsonl", b"{")
    job = tend()
    shown = page.get(reverse("batch", args=[job.id])).content.decode()
    assert "not a valid JSON object" in shown


def test_a_strangers_job_is_not_there(page: Client) -> None:
    job = make_job()
    for name in ("batch", "batch_progress"):
        assert page.get(reverse(name, args=[job.id])).status_code == 404


def test_who_manages_batches_steers_them_and_does_not_read_them(page: Client, user: User) -> None:
    job = make_job(2)
    answer(claim()[0], "Secret words")
    assert page.get(reverse("batch", args=[job.id])).status_code == 404
    user.user_permissions.add(Permission.objects.get(codename="manage_batches"))
    shown = page.get(reverse("batch", args=[job.id])).content.decode()
    assert "1 / 2" in shown
    assert "Secret" not in shown
    assert "CSV" not in shown
    assert page.post(reverse("steer_batch", args=[job.id]), {"is_paused": "1"}).status_code == 302
    job.refresh_from_db()
    assert job.is_paused


@pytest.mark.django_db(transaction=True)
async def test_downloads(user: User, files_dir: Path) -> None:
    def prepare() -> BatchJob:
        make_job(2, user=user)
        first, second = claim(2)
        answer(first, "=One, two")
        answer(second, error=LineError(code="c", message="m"))
        return tend()

    job = await sync_to_async(prepare)()
    client = AsyncClient()
    await client.aforce_login(user)

    async def read(kind: str) -> str:
        response = await client.get(reverse("download_batch", args=[job.id, kind]))
        pieces = [piece async for piece in response.streaming_content]  # type: ignore[attr-defined]
        return b"".join(pieces).decode()

    assert json.loads(await read("jsonl"))["custom_id"] == "0"
    assert json.loads(await read("errors"))["custom_id"] == "1"
    head, first, second = (await read("csv")).splitlines()
    assert head.startswith("\ufeffcustom_id,status,text")
    assert first == """0,succeeded,"'=One, two",stop,0,2,"""
    assert second.startswith("1,failed,")
    assert (await client.get(reverse("download_batch", args=[job.id, "nothing"]))).status_code == 404
