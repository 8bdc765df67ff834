"""`manage.py up`: Parley on this machine, in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from chatproject import env
from chatproject.local import checks, prepare
from chatproject.local.checks import CannotStart
from chatproject.local.deployment import Deployment
from chatproject.local.ready import is_failing, is_ready
from chatproject.local.supervision import supervise

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    """Checks, prepares, starts, says when a message would be answered, and stops all of it."""

    help = "Start Redis (unless REDIS_URL is set), the web server and workers, and keep them running."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        port, workers = _whole_number("--port", 1, 65535), _whole_number("--workers", 0, 64)
        parser.add_argument("--port", type=port, default=settings.PORT)
        parser.add_argument("--workers", type=workers, default=1, metavar="N")
        parser.add_argument("--server", choices=["uvicorn", "daphne"], default="uvicorn")
        parser.add_argument("--backend", choices=["llama", "paced", "remote"], default="llama")

    def handle(
        self, *args: object, port: int, workers: int, server: str, backend: str, **options: object
    ) -> None:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
                signal.signal(number, _leave)
        deployment = Deployment(
            data_dir=settings.DATA_DIR,
            host=env.text("HOST", "127.0.0.1"),
            port=port,
            workers=workers,
            server=server,
            backend=backend,
            embedded_redis=f"unix://{settings.DATA_DIR / 'redis.sock'}" == settings.REDIS_URL,
        )
        self._start(deployment)

    def _start(self, deployment: Deployment) -> None:
        checks.require_short_path(deployment.data_dir)
        lock = checks.lock_data_dir(deployment.data_dir)
        checks.require_free_port(deployment.host, deployment.port)
        if not deployment.embedded_redis:
            checks.require_redis(settings.REDIS_URL)
        checks.require_database()
        deployment.run_dir.mkdir(exist_ok=True, mode=0o700)
        prepare.prepare(say=self._say, with_model=deployment.needs_model)
        connections.close_all()
        with supervise(deployment, lock=lock) as supervision:
            supervision.wait_until(lambda: is_ready(deployment) or is_failing(deployment))
            if not is_ready(deployment):
                self._say(f"Chats can be read at {deployment.url}; the reason why none is answered is above")
            supervision.wait_until(lambda: is_ready(deployment))
            self._say(f"Parley is ready at {deployment.url}")
            supervision.watch()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _whole_number(option: str, low: int, high: int) -> Callable[[str], int]:
    """Read an option as its environment variable would be: argparse's own refusals take several lines."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise CannotStart(f"{option} is not valid: expected a whole number from {low} to {high}.")
        return int(text)

    return read


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave from wherever we are, once: a second signal must not interrupt the stopping."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(0)
