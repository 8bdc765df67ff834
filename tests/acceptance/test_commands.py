"""`manage.py up` as an operator meets it: ready, refused, interrupted, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.services import free_port, temporary_directory
from tests.support.stack import ROOT, Stack, clean_environment, command, start_stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
GONE_WITHIN = 30.0


def descendants(stack: Stack) -> list[psutil.Process]:
    return psutil.Process(stack.process.pid).children(recursive=True)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def workers(stack: Stack) -> list[psutil.Process]:
    return [
        process for process in descendants(stack) if not is_gone(process) and "worker" in process.cmdline()
    ]


def refusal(*args: str, **env: str) -> str:
    """What `manage.py ARGS` says when it must not start: one line on standard error and a status."""
    with temporary_directory("parley-") as directory:
        full = clean_environment(**{"DATA_DIR": str(directory), "PORT": str(free_port())} | env)
        done = subprocess.run(
            command(*args), cwd=ROOT, env=full, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(("server", "number"), [("uvicorn", signal.SIGTERM), ("daphne", signal.SIGINT)])
def test_it_says_when_it_is_ready_leaves_nothing_behind_and_keeps_the_data(
    server: str, number: signal.Signals
) -> None:
    with start_stack("--backend", "paced", "--server", server, first_start=True) as stack:
        assert f"Parley is ready at {stack.url}\n" in stack.log
        children = descendants(stack)
        assert len(children) >= 4  # the supervisor, Redis, web, a worker
        assert stack.stop(number) == 0, stack.tail()
        assert "SecurityWarning" not in stack.tail()
        assert [child for child in children if not is_gone(child)] == []
        with start_stack("--backend", "paced", DATA_DIR=stack.env["DATA_DIR"]) as again:
            script = "from chat.models import User; print(User.objects.count())"
            assert again.manage("shell", "--no-imports", "--command", script).strip() == "1"


def test_a_killed_worker_comes_back_and_a_terminals_ctrl_c_ends_all() -> None:
    with start_stack("--backend", "paced") as stack:
        (first,) = workers(stack)
        first.kill()
        wait_until(lambda: [new for new in workers(stack) if new.pid != first.pid], what="a new worker")
        assert stack.process.poll() is None
        children = descendants(stack)
        os.killpg(stack.process.pid, signal.SIGINT)
        assert stack.process.wait(GONE_WITHIN) == 0, stack.tail()
        assert [child for child in children if not is_gone(child)] == []


def test_when_it_is_killed_its_programs_end_too() -> None:
    with start_stack("--backend", "paced") as stack:
        children = descendants(stack)
        stack.process.kill()
        wait_until(lambda: all(map(is_gone, children)), timeout=GONE_WITHIN, what="the end of every program")


def test_without_workers_it_is_ready_all_the_same() -> None:
    with start_stack("--workers", "0", MODEL="") as stack:
        assert workers(stack) == []


def test_a_program_that_cannot_run_stops_everything(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with start_stack("--backend", "paced", wait_for_ready=False, PATH=path) as stack:
        assert stack.process.wait(60) == 1
    assert "redis ended again and again" in stack.tail()


def test_a_data_directory_belongs_to_one_deployment(paced_stack: Stack) -> None:
    line = refusal("up", "--backend", "paced", DATA_DIR=paced_stack.env["DATA_DIR"])
    assert line.startswith(f"Parley already runs on DATA_DIR {paced_stack.env['DATA_DIR']}: ")


def test_a_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert refusal("up", PORT=str(port)).startswith(f"PORT {port} is in use on 127.0.0.1")


@pytest.mark.parametrize(
    ("env", "complaint"),
    [
        ({"PORT": "many"}, "PORT is not valid"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL is not valid"),
        ({"REDIS_URL": "http://x"}, "REDIS_URL is not valid"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "REDIS_URL: no Redis answers there"),
        ({"MODEL": "/nowhere.gguf"}, "MODEL is not usable: /nowhere.gguf is not a file."),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is not valid"),
        ({"ALLOWED_HOSTS": ","}, "ALLOWED_HOSTS is not valid"),
        ({"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x"}, "DATABASE_URL: the database does not answer ("),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(env: dict[str, Any], complaint: str) -> None:
    assert refusal("up", **env).startswith(complaint)


@pytest.mark.parametrize(("option", "value"), [("--port", "99999"), ("--port", "http"), ("--workers", "-1")])
def test_a_wrong_option_is_named_in_one_line(option: str, value: str) -> None:
    line = refusal("up", f"{option}={value}")
    assert line.startswith(f"{option} is not valid: expected a whole number from ")


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    assert refusal("up", DATA_DIR=str(tmp_path / ("x" * 80))).startswith("DATA_DIR is too long a path")
