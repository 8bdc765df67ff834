"""Webhooks: signed, never sent where they must not go, and tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.utils import timezone
from openai.types.webhooks import BatchCompletedWebhookEvent

from chat.models import BatchJob, BatchNotice, BatchStatus, Channel, User
from chat.models.failures import stored_reason
from chat.services.batches import deliver_notices
from chat.services.batches.notices import RETRY_AFTER, leave_notices
from chat.services.errors import InvalidRequest
from chat.services.files import store_file
from chat.services.webhooks import check_url, webhook_secret
from inference.types.errors import Reason
from tests.support.factories import make_user


class Receiver(HTTPServer):
    """Keeps what it is sent and answers with `status`; one that `drips` never comes to it, and one that
    `chatters` never to an end of its words.
    """

    status = 200
    drips = chatters = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.is_over = threading.Event()
        self.received: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}/hook?x=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), body))
        with suppress(OSError):  # it was not waited for
            self.answer()

    def answer(self) -> None:
        if self.server.drips:
            while not self.server.is_over.wait(0.05):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.send_response(self.server.status)
        self.send_header("Location", "http://localhost/")
        self.end_headers()
        while self.server.chatters:
            self.wfile.write(bytes(1 << 16))

    def log_message(self, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.is_over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def end_job(url: str = "", **fields: Any) -> BatchJob:
    user = make_user(email="ada@example.org")
    job = BatchJob.objects.create(
        **{"user": user, "endpoint": "e", "status": BatchStatus.COMPLETED, "webhook_url": url} | fields
    )
    leave_notices(job_id=job.id)
    return job


@pytest.mark.django_db
def test_a_webhook_is_signed_by_the_standard(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    job = end_job(receiver.url, total=3, completed=3)
    assert deliver_notices() == 1
    assert deliver_notices() == 0
    [(headers, body)] = receiver.received
    said = json.loads(body)
    assert said["type"] == "batch.completed"
    assert said["data"]["id"] == f"batch_{job.id.hex}"
    assert said["data"]["request_counts"]["completed"] == 3
    assert headers["Host"] == f"localhost:{receiver.server_port}"
    key = base64.b64decode(webhook_secret(job.user_id).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    taker = openai.OpenAI(api_key="-", webhook_secret=webhook_secret(job.user_id))
    event = taker.webhooks.unwrap(body, headers)
    assert isinstance(event, BatchCompletedWebhookEvent)
    assert (event.object, event.data.id) == ("event", f"batch_{job.id.hex}")
    assert event.id.startswith("evt_")


@pytest.mark.django_db
def test_a_name_is_tried_at_all_its_addresses(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    resolve = socket.getaddrinfo

    def look_up(host: str, *args: Any, **options: Any) -> list[Any]:
        addresses = ["::1", "127.0.0.1"] if host == "localhost" else [host]
        return [found for address in addresses for found in resolve(address, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    end_job(receiver.url)
    assert deliver_notices() == 1
    assert len(receiver.received) == 1


@pytest.mark.django_db
def test_an_address_that_says_nothing_is_passed_over(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    monkeypatch.setattr("chat.services.webhooks.CONNECT_S", 0.2)
    port = receiver.server_port
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (at, port)) for at in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **options: found)
    with socket.socket() as silent, ExitStack() as waiting:
        silent.bind(("127.0.0.2", port))
        silent.listen(0)
        for _ in range(4):  # more than it has room for: those after them get no answer
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.2", port))
        end_job(receiver.url)
        assert deliver_notices() == 1
    assert len(receiver.received) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("status", [500, 302])
def test_what_is_refused_is_sent_again_later_with_the_same_id(
    receiver: Receiver, settings: Any, status: int
) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    receiver.status = status
    end_job(receiver.url)
    assert deliver_notices() == 0
    assert deliver_notices() == 0, "it is not due again yet"
    notice = BatchNotice.objects.get()
    assert (notice.tries, notice.last_error) == (1, f"It answers {status}.")
    receiver.status = 204
    BatchNotice.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert deliver_notices() == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


@pytest.mark.django_db
def test_an_answer_has_a_deadline_however_it_comes(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    monkeypatch.setattr("chat.services.webhooks.TIMEOUT_S", 0.5)
    receiver.drips = True
    end_job(receiver.url)
    assert deliver_notices() == 0
    assert BatchNotice.objects.get().last_error == "It does not answer: TimeoutError."


@pytest.mark.django_db
def test_of_an_answer_only_the_status_is_read(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    receiver.chatters = True
    end_job(receiver.url)
    assert deliver_notices() == 1


@pytest.mark.django_db
def test_in_the_end_it_is_given_up(settings: Any) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    end_job("http://127.0.0.1:1/")
    BatchNotice.objects.update(tries=len(RETRY_AFTER))
    assert deliver_notices() == 0
    assert BatchNotice.objects.get().due_at is None


@pytest.mark.django_db
def test_a_name_of_a_private_address_is_not_called(receiver: Receiver) -> None:
    end_job(receiver.url)
    assert deliver_notices() == 0
    assert not receiver.received
    assert BatchNotice.objects.get().last_error == "It is a private address."


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/", "nonsense", "http://", "http://user@example.org/", "https://x:99999/"),
        *("http://127.0.0.1/", "http://10.1.2.3/", "http://[::1]/", "http://[::ffff:10.0.0.1]/"),
        *("http://169.254.169.254/latest/", "http://0.0.0.0/", "http://224.0.0.1/"),
        "https://example.org/" + "x" * 1000,
    ],
)
def test_addresses_that_are_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, field="webhook_url")
    assert refused.value.field == "webhook_url"


@pytest.mark.django_db
def test_mail(settings: Any) -> None:
    end_job(notify_email=True, total=2, completed=1, failed=1)
    assert BatchNotice.objects.get().channel == Channel.EMAIL
    assert deliver_notices() == 1
    [message] = mail.outbox
    assert message.to == ["ada@example.org"]
    assert "1 of 2 lines have a result, 1 failed" in message.body


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("line", "told"), [(2, "line 2: It is no JSON."), (None, "(Failed): It is no JSON.")]
)
def test_mail_names_the_file_and_why_it_was_refused(files_dir: Path, line: int | None, told: str) -> None:
    file = store_file(user=make_user(), purpose="batch", file=ContentFile(b"{"), filename="two\nlines.jsonl")
    error = {"code": "invalid_json_line", "message": "It is no JSON.", "param": None, "line": line}
    end_job(notify_email=True, status=BatchStatus.FAILED, input_file=file, errors=[error])
    assert deliver_notices() == 1
    [message] = mail.outbox
    assert message.subject == "Failed: batch of two lines.jsonl"
    assert told in message.body


@pytest.mark.django_db
def test_mail_is_in_the_language_of_whom_it_tells(files_dir: Path) -> None:
    why = Reason("There is no model named '%(model)s'.", {"model": "gpt-9"})
    error = {"code": "model_not_found", "message": str(why), "reason": stored_reason(why), "line": 2}
    end_job(notify_email=True, status=BatchStatus.FAILED, errors=[error])
    User.objects.update(language="de")
    assert deliver_notices() == 1
    [message] = mail.outbox
    assert message.subject == "Fehlgeschlagen: Stapel aus einer gelöschten Datei"
    assert "Zeile 2: Es gibt kein Modell namens „gpt-9“." in message.body
