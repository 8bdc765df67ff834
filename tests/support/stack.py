"""A whole Parley as a user runs it: `manage.py up` in processes of its own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg

from chatproject.local.processes import end_with_parent
from tests.support import services
from tests.support.gguf import write_random_gguf
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
DEMO_MODEL = ROOT / "inference" / "demo_model" / "parley-demo.gguf"
READY = "Parley is ready at "
READY_WITHIN = 90.0
STOP_WITHIN = 40.0


@dataclass
class Stack:
    """A running deployment. `username` and `password` are its administrator's."""

    process: subprocess.Popen[str]
    env: dict[str, str]
    port: int
    username: str = "admin"
    password: str = "correct horse battery"
    log: deque[str] = field(default_factory=lambda: deque(maxlen=400))

    @property
    def url(self) -> str:
        """Where HTTP answers, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """Where WebSockets connect, without a trailing slash."""
        return f"ws://127.0.0.1:{self.port}"

    def manage(self, *args: str, timeout: float = 120, stdin: str = "") -> str:
        """Run `manage.py ARGS` on this deployment; returns its standard output."""
        done = subprocess.run(
            command(*args),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"manage.py {' '.join(args)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop everything as Ctrl-C or an init system would; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_WITHIN)

    def tail(self, lines: int = 80) -> str:
        """The last lines of its output."""
        return "".join(list(self.log)[-lines:])

    @property
    def is_ready(self) -> bool:
        """It has said that a message would be answered."""
        return any(line.startswith(READY) for line in list(self.log))


def command(*args: str) -> list[str]:
    """`manage.py ARGS` with this interpreter."""
    return [sys.executable, str(ROOT / "manage.py"), *args]


def clean_environment(**env: str) -> dict[str, str]:
    """This process's environment without what would point a new deployment at somebody else's services."""
    private = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "PORT", "MODEL", "SECRET_KEY")
    return {name: value for name, value in os.environ.items() if name not in private} | {
        name: value for name, value in env.items() if value
    }


def random_model(directory: Path) -> Path:
    """The demo model, or while there is none, a small one with random weights."""
    return DEMO_MODEL if DEMO_MODEL.exists() else write_random_gguf(directory / "random.gguf")


_until_exit = contextlib.ExitStack()
atexit.register(_until_exit.close)

PREPARE = "from chatproject.local import prepare; prepare.migrate(); prepare.collect_static()"


@functools.cache
def _prepared(server_url: str) -> tuple[Path, str]:
    """A DATA_DIR with tables and static files and, with a `server_url`, a database: to be copied."""
    _until_exit.enter_context(contextlib.suppress(psycopg.OperationalError))  # the server may go first
    directory = _until_exit.enter_context(services.temporary_directory("parley-prepared-"))
    database = _until_exit.enter_context(services.fresh_database(server_url)) if server_url else ""
    env = clean_environment(DATA_DIR=str(directory), DATABASE_URL=database)
    subprocess.run(command("shell", "--no-imports", "--command", PREPARE), cwd=ROOT, env=env, check=True)
    return directory, database


@contextlib.contextmanager
def start_stack(
    *args: str, wait_for_ready: bool = True, first_start: bool = False, **env: str
) -> Iterator[Stack]:
    """Run `manage.py up ARGS` in a DATA_DIR of its own on a free port, with `env` on top.

    A PostgreSQL DATABASE_URL names the server: the deployment gets a database of its own there. Without
    `--backend` or MODEL it answers with the demo model on llama.cpp. Tables and static files are copies
    of some made once, unless this is to be a real `first_start`.
    """
    services.ask_no_proxy()
    with contextlib.ExitStack() as resources:
        directory = resources.enter_context(services.temporary_directory("parley-"))
        url = env.get("DATABASE_URL", "")
        server_url = url if url.startswith("postgres") else ""
        template, database = (None, "") if first_start else _prepared(server_url)
        if template is not None:
            shutil.copytree(template, directory, dirs_exist_ok=True)
        if server_url:
            env["DATABASE_URL"] = resources.enter_context(
                services.fresh_database(server_url, template=database)
            )
        if "--backend" not in args:
            env.setdefault("MODEL", str(random_model(directory)))
        env.setdefault("DATA_DIR", str(directory))
        env.setdefault("PORT", str(services.free_port()))
        env.setdefault("AUTO_TITLES", "0")  # tests say themselves what runs beside their replies
        env.setdefault("SUMMARY_EVERY", "0")
        stack = resources.enter_context(_running(args, env))
        if wait_for_ready:
            _wait_for_ready(stack)
        yield stack


@contextlib.contextmanager
def _running(args: tuple[str, ...], env: dict[str, str]) -> Iterator[Stack]:
    administrator = {
        "DJANGO_SUPERUSER_USERNAME": Stack.username,
        "DJANGO_SUPERUSER_PASSWORD": Stack.password,
    }
    full = clean_environment(**(administrator | env))
    process = subprocess.Popen(
        command("up", *args),
        cwd=ROOT,
        env=full,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    stack = Stack(process=process, env=full, port=int(env["PORT"]))
    reader = threading.Thread(target=_collect, args=(process.stdout, stack.log), daemon=True)
    reader.start()
    try:
        yield stack
    finally:
        _stop_for_good(stack)
        reader.join(10)


def _collect(stream: IO[str], log: deque[str]) -> None:
    for line in stream:
        log.append(line)


def _wait_for_ready(stack: Stack) -> None:
    def ready_or_over() -> bool:
        return stack.is_ready or stack.process.poll() is not None

    try:
        wait_until(ready_or_over, timeout=READY_WITHIN, what="the ready line")
    except AssertionError as error:
        raise AssertionError(f"{error}; its output:\n{stack.tail()}") from None
    if not stack.is_ready:
        raise AssertionError(f"`manage.py up` ended with {stack.process.returncode}:\n{stack.tail()}")


def _stop_for_good(stack: Stack) -> None:
    try:
        stack.stop()
    except subprocess.TimeoutExpired:
        stack.process.kill()
        stack.process.wait()
        raise AssertionError(f"the stack did not stop within {STOP_WITHIN:g} s:\n{stack.tail()}") from None
