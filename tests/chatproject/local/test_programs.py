"""The generated configuration, read back by supervisord itself."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from chat.management.commands.worker import Command
from chatproject.local.deployment import Deployment
from chatproject.local.programs import MAX_FRAME_BYTES, write_configuration


def groups(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    """The parsed process groups, by name."""
    deployment = Deployment(data_dir=tmp_path, host="127.0.0.1", port=8000, **fields)
    deployment.run_dir.mkdir(parents=True)
    path = write_configuration(deployment, password="secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    options = ServerOptions()
    options.realize(["-c", str(path)])
    return {group.name: group for group in options.process_group_configs}


def commands(tmp_path: Path, **fields: Any) -> dict[str, str]:
    return {
        program.name: program.command
        for group in groups(tmp_path, **fields).values()
        for program in group.process_configs
    }


def test_redis_web_and_a_worker(tmp_path: Path) -> None:
    found = commands(tmp_path)
    assert set(found) == {"redis", "web", "worker-1"}
    assert "uvicorn chatproject.asgi:application --host 127.0.0.1 --port 8000" in found["web"]
    assert f"--ws-max-size {MAX_FRAME_BYTES}" in found["web"]
    assert found["worker-1"].endswith("-8000-1 --backend llama")


def test_nobody_else_is_started_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`su` keeps the names of who called it."""
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "nobody")
    groups(tmp_path)
    assert "user=nobody" not in next(tmp_path.rglob("supervisord.conf")).read_text()


def test_a_worker_starts_without_loading_the_pages() -> None:
    assert Command.requires_system_checks == []


def test_workers_have_names_of_their_own(tmp_path: Path) -> None:
    found = commands(tmp_path, workers=3, backend="paced")
    workers = [command for name, command in found.items() if name.startswith("worker")]
    assert len(set(workers)) == 3
    assert all(command.endswith("--backend paced") for command in workers)


def test_a_configured_redis_and_no_workers(tmp_path: Path) -> None:
    assert set(commands(tmp_path, workers=0, embedded_redis=False)) == {"web"}


def test_daphne_instead(tmp_path: Path) -> None:
    assert "-m daphne -b 127.0.0.1 -p 8000" in commands(tmp_path, server="daphne")["web"]


def test_redis_stops_last(tmp_path: Path) -> None:
    found = groups(tmp_path)
    assert found["services"].priority < found["parley"].priority


def test_everything_is_kept_running_and_stopped_as_a_group(tmp_path: Path) -> None:
    for group in groups(tmp_path).values():
        for program in group.process_configs:
            assert program.autorestart
            assert program.stopasgroup
            assert program.killasgroup


def test_a_worker_that_ends_again_and_again_does_not_stop_the_rest(tmp_path: Path) -> None:
    programs = [program for group in groups(tmp_path).values() for program in group.process_configs]
    assert {program.name: program.startretries > 1000 for program in programs} == {
        "redis": False,
        "web": False,
        "worker-1": True,
    }


@pytest.mark.parametrize("name", ["with space", "per%cent"])
def test_odd_directories_survive_quoting(tmp_path: Path, name: str) -> None:
    assert name in commands(tmp_path / name)["redis"]
