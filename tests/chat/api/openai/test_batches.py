"""The batches API, by OpenAI's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chat.models import BatchJob, StoredFile
from tests.support.api import Caller
from tests.support.batches import CHAT_URL, answer, claim, make_file, request_line, tend

URL = "/v1/batches"


@pytest.fixture(autouse=True)
def _place(files_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)


def create(caller: Caller, *lines: Any, **fields: Any) -> Any:
    file = make_file(caller.user, lines or [request_line()])
    body = {"input_file_id": f"file-{file.id.hex}", "endpoint": CHAT_URL, "completion_window": "24h"}
    return caller.post(URL, body | fields)


def test_the_life_of_a_batch(ada: Caller) -> None:
    expiry = {"anchor": "created_at", "seconds": 7200}
    made = create(ada, metadata={"k": "v"}, output_expires_after=expiry).json()
    assert made["id"].startswith("batch_")
    assert (made["object"], made["status"], made["metadata"]) == ("batch", "validating", {"k": "v"})
    assert made["expires_at"] - made["created_at"] in (86_399, 86_400)
    tend()
    path = f"{URL}/{made['id']}"
    running = ada.get(path).json()
    assert (running["status"], running["request_counts"]["total"]) == ("in_progress", 1)
    [line] = claim()
    answer(line)
    assert ada.get(path).json()["status"] == "finalizing"
    tend()
    done = ada.get(path).json()
    assert (done["status"], done["request_counts"]) == (
        "completed",
        {"total": 1, "completed": 1, "failed": 0},
    )
    assert all(done[f"{name}_at"] for name in ("in_progress", "finalizing", "completed"))
    listed = ada.get(f"/v1/files/{done['output_file_id']}").json()
    assert listed["purpose"] == "batch_output"
    assert listed["expires_at"] - listed["created_at"] in (7199, 7200)


def test_a_repeated_key_is_the_same_batch(ada: Caller, bob: Caller) -> None:
    def ask(caller: Caller, file: StoredFile, **fields: Any) -> Any:
        body = {"input_file_id": f"file-{file.id.hex}", "endpoint": CHAT_URL, "completion_window": "24h"}
        return caller.post(URL, body | fields, headers={"Idempotency-Key": "k"})

    file = make_file(ada.user, [request_line()])
    made = ask(ada, file).json()
    assert (ask(ada, file).json()["id"], BatchJob.objects.count()) == (made["id"], 1)
    other = ask(ada, file, metadata={"a": "b"})
    assert (other.status_code, other["x-should-retry"]) == (409, "false")
    assert ask(bob, make_file(bob.user, [request_line()])).json()["id"] != made["id"]
    assert create(ada).json()["id"] != made["id"]


def test_validation_errors(ada: Caller) -> None:
    made = create(ada, request_line("a"), b"{").json()
    tend()
    failed = ada.get(f"{URL}/{made['id']}").json()
    assert (failed["status"], failed["errors"]["object"]) == ("failed", "list")
    [error] = failed["errors"]["data"]
    assert (error["code"], error["line"]) == ("invalid_json_line", 2)


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"endpoint": "/v1/nothing"}, 400, "endpoint"),
        ({"completion_window": "soon"}, 400, "completion_window"),
        ({"completion_window": "31d"}, 400, "completion_window"),
        ({"metadata": {"k": "x" * 513}}, 400, "metadata"),
        ({"metadata": {str(n): "" for n in range(17)}}, 400, "metadata"),
        ({"input_file_id": "file-nothing"}, 404, "input_file_id"),
        ({"priority": 3}, 403, "priority"),
        ({"priority": 9}, 400, "priority"),
        ({"max_running": 0}, 400, "max_running"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 5}},
            400,
            "output_expires_after.seconds",
        ),
        (
            {"output_expires_after": {"anchor": "now", "seconds": 9999}},
            400,
            "output_expires_after.anchor",
        ),
        ({"webhook_url": "ftp://x"}, 400, "webhook_url"),
        ({"webhook_url": "http://127.0.0.1/"}, 400, "webhook_url"),
        ({"notify_email": True}, 400, "notify_email"),
        ({"colour": 1}, 400, "colour"),
    ],
)
def test_refusals_name_the_field(ada: Caller, fields: dict[str, Any], status: int, param: str) -> None:
    refused = create(ada, **fields)
    assert (refused.status_code, refused.json()["error"]["param"]) == (status, param)
    assert not BatchJob.objects.exists()


def test_another_purpose_is_no_input(ada: Caller) -> None:
    file = make_file(ada.user, [request_line()])
    file.purpose = "user_data"
    file.save()
    refused = ada.post(URL, {"input_file_id": f"file-{file.id.hex}", "endpoint": CHAT_URL})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input_file_id")


def test_so_many_jobs_at_once(ada: Caller, settings: Any) -> None:
    settings.MAX_BATCHES_PER_USER = 1
    assert create(ada).status_code == 200
    assert create(ada).status_code == 429


def test_pages_of_the_callers_own(ada: Caller, bob: Caller) -> None:
    ids = [create(ada).json()["id"] for _ in range(3)]
    create(bob)
    first = ada.get(f"{URL}?limit=2").json()
    assert ([job["id"] for job in first["data"]], first["has_more"]) == (ids[:0:-1], True)
    rest = ada.get(f"{URL}?after={first['last_id']}").json()
    assert ([job["id"] for job in rest["data"]], rest["has_more"]) == (ids[:1], False)
    assert bob.get(f"{URL}/{ids[0]}").status_code == 404


def test_cancel_retry_and_steer(ada: Caller, bob: Caller) -> None:
    path = f"{URL}/{create(ada).json()['id']}"
    tend()
    assert ada.call("PATCH", path, {"is_paused": True}).json()["is_paused"] is True
    assert bob.call("PATCH", path, {"is_paused": False}).status_code == 404
    for name in ("is_paused", "priority"):
        refused = ada.call("PATCH", path, {name: None})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)
    assert ada.post(f"{path}/cancel").json()["status"] == "cancelling"
    tend()
    assert ada.get(path).json()["status"] == "cancelled"
    assert ada.post(f"{path}/cancel").status_code == 409
    assert ada.post(f"{path}/retry").json()["status"] == "in_progress"
