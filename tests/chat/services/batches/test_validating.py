"""What is wrong with a file is told line by line; a file without faults becomes lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from chat.api.openai.lines import read_body
from chat.models import BatchJob, BatchLine, BatchStatus
from chat.services.batches import JobLost, cancel_batch, take_job, validate_batch, validating
from chat.services.batches.budgets import exceeded
from inference.types.errors import Reason
from tests.support.batches import hold, lines_of, make_job, request_line, submit, tend
from tests.support.factories import make_session, make_user


def errors_of(*lines: dict[str, Any] | bytes, **fields: Any) -> list[tuple[str, str | None, int | None]]:
    submit(*lines, **fields)
    job = tend()
    assert (job.status, job.total, job.lines.count()) == (BatchStatus.FAILED, 0, 0)
    assert job.failed_at is not None
    return [(error["code"], error["param"], error["line"]) for error in job.errors]


def test_lines_are_stored_in_the_order_of_the_file() -> None:
    submit(b"\xef\xbb\xbf" + json.dumps(request_line("first")).encode(), b"", request_line("second"))
    job = tend()
    assert (job.status, job.total, job.model) == (BatchStatus.IN_PROGRESS, 2, "paced")
    assert job.in_progress_at is not None
    assert [(line.number, line.custom_id) for line in lines_of(job)] == [(1, "first"), (3, "second")]
    assert json.loads(lines_of(job)[0].body)["messages"][0]["content"] == "Hello"
    assert job.estimated_tokens > 0


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"[1]", "invalid_json_line", None),
        (b"\xff\xfe", "invalid_json_line", None),
        (b"[" * 5000, "invalid_json_line", None),
        (request_line("a"), "duplicate_custom_id", "custom_id"),
        (request_line(""), "missing_required_parameter", "custom_id"),
        (request_line("x" * 513), "invalid_custom_id", "custom_id"),
        (request_line("b", method="GET"), "invalid_method", "method"),
        (request_line("b", url="/v1/nothing"), "mismatched_url", "url"),
        (request_line("b") | {"body": None}, "missing_required_parameter", "body"),
        (request_line("b", body={"model": "other"}), "mismatched_model", "body.model"),
        (request_line("b", body={"temperature": 9}), "invalid_options", "body.temperature"),
        (request_line("b", body={"colour": 1}), "invalid_request", "body.colour"),
        (request_line("b", body={"messages": []}), "invalid_request", "body.messages"),
        (request_line("b", body={"stream": True}), "unsupported_value", "body.stream"),
        (request_line("b", session_id="nonsense"), "invalid_session", "session_id"),
    ],
)
def test_a_line_is_refused_by_its_number(line: Any, code: str, param: str | None) -> None:
    assert errors_of(request_line("a"), b"", line) == [(code, param, 3)]


def test_all_faults_are_told_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [number for *_, number in errors_of(b"{", request_line(), b"}")] == [1, 3]
    monkeypatch.setattr(validating, "MAX_ERRORS", 2)
    assert len(errors_of(*[b"{"] * 5)) == 2


def test_an_unknown_model_and_an_empty_file() -> None:
    assert errors_of(request_line(body={"model": "nope"})) == [("model_not_found", "body.model", 1)]
    assert errors_of(b" ") == [("empty_file", None, None)]


def test_a_line_too_long_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validating, "MAX_LINE_BYTES", 200)
    long = request_line("b", content="x" * 1000)
    assert errors_of(request_line("a"), long, b"{") == [
        ("line_too_large", None, 2),
        ("invalid_json_line", None, 3),
    ]


def test_budgets(settings: Any) -> None:
    user = make_user()
    make_job(2, user=user)
    settings.MAX_BATCH_LINES_PER_USER = 3
    assert errors_of(request_line("a"), request_line("b"), user=user) == [("line_limit_exceeded", None, None)]
    settings.MAX_BATCH_TOKENS_PER_USER = 3
    assert errors_of(request_line("a"), user=user) == [("token_limit_exceeded", None, None)]
    settings.MAX_BATCH_LINES = 1
    assert errors_of(request_line("a"), request_line("b")) == [("too_many_lines", None, 2)]


def test_files_that_are_read_at_once_share_their_owners_budget(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user()
    settings.MAX_BATCH_TOKENS_PER_USER = 3 * make_job(2).estimated_tokens // 2
    first, second = (submit(request_line("a"), request_line("b"), user=user) for _ in range(2))
    taken = [take_job(), take_job()]

    def validate_next() -> None:
        job, tenure = taken.pop(0) or pytest.fail("nobody may take it")
        validate_batch(job=job, tenure=tenure, read_body=read_body)

    def validate_meanwhile(**asked: Any) -> Iterator[tuple[str, Reason]]:
        if taken:
            validate_next()
        return exceeded(**asked)

    monkeypatch.setattr(validating, "exceeded", validate_meanwhile)
    validate_next()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (BatchStatus.IN_PROGRESS, BatchStatus.FAILED)


def test_what_is_wrong_is_said_in_the_readers_language() -> None:
    job = submit(request_line(body={"model": "gpt-9"}), b"nonsense")
    tend()
    job.refresh_from_db()
    assert [error["message"] for error in job.shown_errors] == [
        "There is no model named 'gpt-9'.",
        "This line is not a valid JSON object.",
    ]
    with override("de"):
        shown = job.shown_errors
    assert [set(error) for error in shown] == [{"code", "message", "param", "line"}] * 2
    assert [error["message"] for error in shown] == [
        "Es gibt kein Modell namens „gpt-9“.",
        "Diese Zeile ist kein gültiges JSON-Objekt.",
    ]


def test_a_session_may_be_named_by_who_writes_in_it() -> None:
    session = make_session()
    submit(request_line(session_id=str(session.id)), user=session.owner)
    assert lines_of(tend())[0].session_id == session.id
    assert errors_of(request_line(session_id=str(session.id))) == [("invalid_session", "session_id", 1)]


def test_prompts_that_begin_alike_are_neighbours() -> None:
    shared = [f"{'system one ' * 50}{number}" for number in range(3)]
    others = [f"{'system two ' * 50}{number}" for number in range(3)]
    contents = [content for pair in zip(shared, others, strict=True) for content in pair]
    submit(*(request_line(str(number), content=content) for number, content in enumerate(contents)))
    ordered = tend().lines.order_by("prefix", "number")
    said = [json.loads(line.body)["messages"][0]["content"][:10] for line in ordered]
    assert said in ([*["system one"] * 3, *["system two"] * 3], [*["system two"] * 3, *["system one"] * 3])


def test_a_clerk_that_was_lost_or_cancelled_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit(*(request_line(str(number)) for number in range(3)))
    monkeypatch.setattr(validating, "PIECE_LINES", 1)
    taken = take_job()
    assert taken is not None
    cancel_batch(user=job.user, job_id=job.id)
    with pytest.raises(JobLost):
        validate_batch(job=taken[0], tenure=taken[1], read_body=read_body)
    assert BatchLine.objects.count() == 0
    assert tend().status == BatchStatus.CANCELLED


def test_the_next_clerk_begins_anew() -> None:
    job = make_job(3)
    BatchJob.objects.filter(id=job.id).update(status=BatchStatus.VALIDATING, clerk_until=None)
    taken = take_job()
    assert taken is not None
    assert hold(job).attempt == taken[1].attempt == 2
    assert take_job() is None
    validate_batch(job=taken[0], tenure=taken[1], read_body=read_body)
    assert job.lines.count() == 3


def test_the_database_knows_of_many_new_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validating, "MANY_LINES", 3)
    with CaptureQueriesContext(connection) as queries:
        make_job(2)
    assert not any("ANALYZE" in query["sql"] for query in queries)
    with CaptureQueriesContext(connection) as queries:
        make_job(3)
    asked = [query["sql"] for query in queries if "ANALYZE" in query["sql"]]
    assert len(asked) == (connection.vendor == "postgresql")
