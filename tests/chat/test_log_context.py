"""Lines of the log say what they belong to."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context
from io import StringIO
from uuid import UUID

import pytest

from chat.log_context import JsonFormatter, LogContextFilter, begin_request, logged_as

GENERATION = UUID(int=7)


@pytest.fixture
def written() -> Iterator[StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(LogContextFilter())
    logger = logging.getLogger("parley.test")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def write(text: str = "hello", **kwargs: object) -> None:
    logging.getLogger("parley.test").info(text, **kwargs)  # type: ignore[arg-type]


def lines(written: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_is_one_object_with_the_ids_of_its_work(written: StringIO) -> None:
    def work() -> None:
        begin_request("mine-1")
        with logged_as(generation_id=GENERATION, attempt=2):
            write("two\nlines")
        write()

    copy_context().run(work)
    inside, after = lines(written)
    assert inside.pop("time")
    assert inside == {
        "level": "INFO",
        "logger": "parley.test",
        "message": "two\nlines",
        "request_id": "mine-1",
        "generation_id": str(GENERATION),
        "attempt": 2,
    }
    assert after["request_id"] == "mine-1"
    assert "generation_id" not in after


def test_attempts_on_other_threads_keep_theirs_apart(written: StringIO) -> None:
    meet = threading.Barrier(2)

    def work(attempt: int) -> None:
        with logged_as(attempt=attempt):
            meet.wait(10)
            write(str(attempt))
            meet.wait(10)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {line["message"]: line["attempt"] for line in lines(written)} == {"1": 1, "2": 2}


def test_a_failure_brings_its_traceback_and_nothing_is_invented(written: StringIO) -> None:
    def work() -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            write(exc_info=True)

    copy_context().run(work)
    (line,) = lines(written)
    assert "ValueError: broken" in str(line["exc_info"])
    assert {"attempt", "generation_id", "ids"} & set(line) == set()


def test_people_read_the_same_ids_in_a_bracket() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    with logged_as(generation_id=GENERATION, attempt=3):
        LogContextFilter().filter(record)
    assert record.__dict__["ids"].endswith(f"{GENERATION} 3")
