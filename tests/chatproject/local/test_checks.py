"""Each refusal is one line that names what to change."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from chatproject.local import checks
from chatproject.local.checks import CannotStart
from tests.support.services import free_port


@pytest.fixture
def listener() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_fine() -> None:
    checks.require_free_port("127.0.0.1", free_port())


def test_a_busy_port_is_named(listener: int) -> None:
    with pytest.raises(CannotStart, match=rf"^PORT {listener} is in use on 127\."):
        checks.require_free_port("127.0.0.1", listener)


def test_a_foreign_address_is_named() -> None:
    with pytest.raises(CannotStart, match=r"on HOST 192.0.2.1 cannot be listened on"):
        checks.require_free_port("192.0.2.1", free_port())


def test_a_long_path_is_refused_before_the_kernel_does() -> None:
    checks.require_short_path(Path("/" + "x" * 79))
    with pytest.raises(CannotStart, match=r"^DATA_DIR is too long"):
        checks.require_short_path(Path("/" + "x" * 80))


def test_one_deployment_per_directory(tmp_path: Path) -> None:
    lock = checks.lock_data_dir(tmp_path)
    with pytest.raises(CannotStart, match=rf"already runs on DATA_DIR {tmp_path}"):
        checks.lock_data_dir(tmp_path)
    os.close(lock)
    os.close(checks.lock_data_dir(tmp_path))


def test_an_absent_redis_is_named() -> None:
    with pytest.raises(CannotStart, match=r"^REDIS_URL: no Redis answers there"):
        checks.require_redis(f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.services
def test_a_redis_that_answers_is_fine(redis_url: str) -> None:
    checks.require_redis(redis_url)


@pytest.mark.django_db
def test_a_database_that_answers_is_fine() -> None:
    checks.require_database()


def test_an_absent_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    with pytest.raises(
        CannotStart, match=r"^DATABASE_URL: the database does not answer \(connection refused\)\.$"
    ):
        checks.require_database()


def test_of_several_addresses_the_first_ones_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("All failures were:\n- host: 'a': refused\n- host: 'b': refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    with pytest.raises(CannotStart, match=r"does not answer \(host: 'a': refused\)\.$"):
        checks.require_database()
