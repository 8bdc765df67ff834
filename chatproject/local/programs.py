"""The supervisor's configuration: which programs run, and how each is started and stopped."""

from __future__ import annotations

import os
import pwd
import resource
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from chatproject.local import redis
from chatproject.local.deployment import Deployment

WANTED_FILES = 65_536
MAX_FRAME_BYTES = 65_536
APPLICATION = "chatproject.asgi:application"
# Compression would cost some 100 KB per browser socket; without a time limit SIGTERM waits for every stream.
UVICORN_OPTIONS = (
    f"--ws chatproject.websockets:PatientWebSocket --ws-max-size {MAX_FRAME_BYTES} "
    "--ws-per-message-deflate false --timeout-graceful-shutdown 5 "
    "--log-level warning --no-access-log --no-server-header"
)

HEAD = """\
[supervisord]
nodaemon=true
silent=false
loglevel=warn
logfile=/dev/null
logfile_maxbytes=0
pidfile={run_dir}/supervisord.pid
childlogdir={run_dir}
minfds={files}
{user}
[unix_http_server]
file={run_dir}/s
chmod=0700
username=parley
password={password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command={command}
directory={directory}
startsecs={startsecs}
startretries={startretries}
autorestart=true
stopsignal=TERM
stopwaitsecs={stopwaitsecs}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
"""

STARTS = 3
LASTING_STARTS = 1_000_000
"""A worker is started for ever, later by a second each time: without one, chats can still be read."""

# Groups stop in reverse order of priority: Redis last, so that workers can hand back what they have.
GROUP = """
[group:{name}]
programs={programs}
priority={priority}
"""


def write_configuration(deployment: Deployment, *, password: str) -> Path:
    """Write `supervisord.conf` and return its path. `password` is for talking to the supervisor."""
    parts = [_head(deployment, password)]
    if deployment.embedded_redis:
        parts.append(_program("redis", _redis_command(deployment), startsecs=1, stopwaitsecs=10))
        parts.append(GROUP.format(name="services", programs="redis", priority=1))
    # A program that ends within `startsecs` four times in a row has failed: longer than its imports take.
    parts.append(_program("web", _web_command(deployment), startsecs=5, stopwaitsecs=10))
    workers = [f"worker-{number}" for number in range(1, deployment.workers + 1)]
    for name, worker_name in zip(workers, deployment.worker_names, strict=True):
        command = _worker_command(worker_name, deployment.backend)
        program = _program(name, command, startsecs=8, stopwaitsecs=30, startretries=LASTING_STARTS)
        parts.append(program)
    parts.append(GROUP.format(name="parley", programs=",".join(["web", *workers]), priority=2))
    path = deployment.run_dir / "supervisord.conf"
    path.touch(mode=0o600)
    path.write_text("".join(parts))
    return path


def _head(deployment: Deployment, password: str) -> str:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    # Said explicitly, or the supervisor warns about it at every start.
    user = f"user={pwd.getpwuid(0).pw_name}\n" if os.geteuid() == 0 else ""
    return HEAD.format(run_dir=_escape(str(deployment.run_dir)), files=files, user=user, password=password)


def _program(
    name: str, command: Sequence[str], *, startsecs: int, stopwaitsecs: int, startretries: int = STARTS
) -> str:
    return PROGRAM.format(
        name=name,
        command=_escape(shlex.join(command)),
        directory=_escape(str(settings.BASE_DIR)),
        startsecs=startsecs,
        stopwaitsecs=stopwaitsecs,
        startretries=startretries,
    )


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _redis_command(deployment: Deployment) -> list[str]:
    directory = deployment.data_dir / "redis"
    configuration = redis.write_configuration(directory, deployment.data_dir / "redis.sock")
    return [redis.find_server(), str(configuration)]


def _web_command(deployment: Deployment) -> list[str]:
    host, port = deployment.host, str(deployment.port)
    if deployment.server == "daphne":
        # daphne drops the connection for a frame that is too big: it cannot say 1009.
        options = (
            f"-v 0 --no-server-name --websocket_timeout -1 --websocket-max-message-size {MAX_FRAME_BYTES}"
        )
        return [sys.executable, "-m", "daphne", "-b", host, "-p", port, *options.split(), APPLICATION]
    address = ["--host", host, "--port", port]
    return [sys.executable, "-m", "uvicorn", APPLICATION, *address, *UVICORN_OPTIONS.split()]


def _worker_command(name: str, backend: str) -> list[str]:
    manage = str(settings.BASE_DIR / "manage.py")
    return [sys.executable, manage, "worker", "--name", name, "--backend", backend]
