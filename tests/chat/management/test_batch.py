"""`manage.py batch`."""

from __future__ import annotations

import json
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from chat.models import BatchJob, BatchLine, StoredFile
from tests.support.api import offer_model
from tests.support.batches import answer, claim, request_line, tend
from tests.support.factories import make_user


@pytest.fixture(autouse=True)
def _place(db: None, files_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)
    monkeypatch.setattr("chat.management.commands.batch.LOOK_S", 0.01)
    offer_model()


def batch(*args: Any) -> str:
    out = StringIO()
    call_command("batch", *args, stdout=out)
    return out.getvalue()


def test_submit_status_and_steer(tmp_path: Path) -> None:
    user = make_user(is_superuser=True)
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps(request_line()))
    batch_id = batch("submit", str(path)).strip()
    assert batch_id == f"batch_{BatchJob.objects.get(user=user).id.hex}"
    tend()
    assert "in_progress  0 of 1 lines" in batch("status", batch_id)
    assert "paused" in batch("pause", batch_id)
    assert "paused" not in batch("resume", batch_id)
    assert "cancelling" in batch("cancel", batch_id)
    with pytest.raises(CommandError, match="cannot be tried again"):
        batch("retry", batch_id)


def test_a_table(tmp_path: Path) -> None:
    make_user()
    path = tmp_path / "people.csv"
    path.write_text("name\nAda\n")
    with pytest.raises(CommandError, match="--template"):
        batch("submit", str(path))
    with pytest.raises(CommandError, match="no column"):
        batch("submit", str(path), "--template", "{nme}", "--model", "paced")
    assert not StoredFile.objects.exists()
    told = ("--template", "Hello {name}", "--model", "paced")
    batch("submit", str(path), *told, "--system-prompt", "Be brief.", "--max-tokens", 5)
    assert tend().total == 1
    body = json.loads(BatchLine.objects.get().body)
    assert [message["content"] for message in body["messages"]] == ["Be brief.", "Hello Ada"]
    assert body["max_tokens"] == 5


def test_what_is_refused_is_not_kept(tmp_path: Path) -> None:
    make_user()
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps(request_line()))
    with pytest.raises(CommandError, match="private address"):
        batch("submit", str(path), "--webhook", "http://127.0.0.1/")
    assert not StoredFile.objects.exists()


def test_what_is_wrong_with_a_file_is_told_by_its_lines(tmp_path: Path) -> None:
    make_user()
    for content, told in (("{", "\n  line 1: This line"), ("\n", "\n  The input file has no lines.")):
        path = tmp_path / "requests.jsonl"
        path.write_text(content)
        batch_id = batch("submit", str(path)).strip()
        tend()
        assert told in batch("status", batch_id)


@pytest.mark.django_db(transaction=True)
def test_wait_shows_the_end_and_fetches_the_results(tmp_path: Path) -> None:
    make_user()
    path, output = tmp_path / "requests.jsonl", tmp_path / "results.jsonl"
    path.write_text(json.dumps(request_line()))
    submitted = threading.Event()

    def work() -> None:
        while not BatchJob.objects.exists():
            submitted.wait(0.01)
        tend()
        answer(claim()[0])
        tend()
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    said = batch("submit", str(path), "--wait", "--output", str(output))
    worker.join()
    assert "completed  1 of 1 lines" in said
    assert json.loads(output.read_text())["custom_id"] == "a"


def test_what_does_not_exist(tmp_path: Path) -> None:
    make_user()
    for args in (("status", "nonsense"), ("status", "batch_" + "0" * 32), ("submit", str(tmp_path / "x"))):
        with pytest.raises(CommandError):
            batch(*args)
    path = tmp_path / "requests.jsonl"
    path.write_text("{}")
    with pytest.raises(CommandError, match="no user named"):
        batch("submit", str(path), "--user", "nobody")
