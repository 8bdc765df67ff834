"""`manage.py worker`: one more worker on this deployment."""

from __future__ import annotations

import os
import signal
import socket
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from chat.sealed import Unreadable
from chat.services.content_keys import require_readable
from inference.niceness import give_way
from inference.types.errors import InferenceError
from workers.clerk import ClerkWatch
from workers.config import WorkerConfig, has_only_remote_models, make_worker_config
from workers.remote import RemoteRuntime
from workers.runtime import WorkerRuntime
from workers.tasks import serve

CLERK_LEAVES_S = 10.0


class Command(BaseCommand):
    """Loads a model in a process of its own and writes replies until SIGTERM, which hands them back."""

    help = "Run one worker: loads a model and writes replies until it is told to stop."
    requires_system_checks: list[str] = []  # they would load every page: a second of processor time

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See `docs/operations.md`."""
        parser.add_argument("--name", default="", help="unique; default: host name and process id")
        parser.add_argument("--slots", type=int, default=settings.ENGINE_SLOTS, help="replies at once")
        parser.add_argument(
            "--model",
            nargs="+",
            default=[],
            metavar="SLUG",
            help="what it may load, the first at once; default: the whole catalogue",
        )
        parser.add_argument(
            "--memory", type=float, default=settings.ENGINE_MEMORY, metavar="GB", help="for all its models"
        )
        parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
        parser.add_argument(
            "--backend",
            choices=["llama", "paced", "remote"],
            default="llama",
            help="remote: no model of its own, only those of providers",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, serve, and leave in good order."""
        give_way(settings.WORKER_NICENESS)
        try:
            require_readable()
        except Unreadable as error:
            raise CommandError(str(error)) from error
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Celery has its own handler
        name = options["name"] or f"{socket.gethostname()}-{os.getpid()}"
        runtimes, clerk = _make_runtimes(name, options), ClerkWatch()
        try:
            for runtime in reversed(runtimes):  # providers need not wait until an engine can be had
                runtime.start()
            clerk.start()
            serve(runtimes, clerk, name=name)
        except InferenceError as error:
            raise CommandError(error.message) from error
        finally:
            for runtime in runtimes:
                runtime.close()
            clerk.close(CLERK_LEAVES_S)


def _make_runtimes(name: str, options: dict[str, Any]) -> list[WorkerRuntime | RemoteRuntime]:
    """One for models of our own, and one for those of providers."""
    is_remote = options["backend"] == "remote" or (options["backend"] == "llama" and has_only_remote_models())
    runtimes: list[WorkerRuntime | RemoteRuntime] = []
    if not is_remote:
        runtimes.append(WorkerRuntime(_configure(name, options)))
    if settings.REMOTE_STREAMS:
        runtimes.append(RemoteRuntime(name=f"{name}-remote", streams=settings.REMOTE_STREAMS))
    if not runtimes:
        raise CommandError("REMOTE_STREAMS is 0: this worker would have nothing to do.")
    return runtimes


def _configure(name: str, options: dict[str, Any]) -> WorkerConfig:
    if not 0 <= options["slots"] <= 254:
        raise CommandError("--slots must be from 1 to 254, or 0 for what suits this machine.")
    if options["memory"] < 0:
        raise CommandError("--memory must be a number of gigabytes, or 0 for what is free.")
    try:
        return make_worker_config(
            name=name,
            models=options["model"],
            slots=options["slots"],
            device=options["device"],
            backend=options["backend"],
            memory=round(options["memory"] * 1e9),
        )
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
