"""`manage.py batch submit|status|cancel|retry|pause|resume`: batch jobs from the shell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from chat.models import BatchJob, BatchStatus, StoredFile, User
from chat.queue import flush_queue
from chat.selectors.batches import count_errors, find_batch
from chat.services.batches import cancel_batch, retry_failed, steer_batch
from chat.services.batches.tables import Mapping, make_requests
from chat.services.batches.uploads import is_table, submit_file
from chat.services.errors import ServiceError
from chat.services.files import delete_file, store_file

LOOK_S = 0.5
FAREWELL_S = 2.0
SHOWN_ERRORS = 20
ACTS: dict[str, Callable[..., BatchJob]] = {
    "cancel": cancel_batch,
    "retry": retry_failed,
    "pause": lambda **job: steer_batch(**job, is_paused=True),
    "resume": lambda **job: steer_batch(**job, is_paused=False),
}


class Command(BaseCommand):
    """With `--wait` the exit status says whether every line has a result."""

    help = "Submit batch jobs and look after them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        submit = actions.add_parser("submit", help="a JSONL file of requests, or a CSV table with --template")
        submit.add_argument("file", type=Path)
        submit.add_argument("--user", help="whose it is; default: the first administrator")
        submit.add_argument("--wait", action="store_true", help="show progress until it has ended")
        submit.add_argument("--output", type=Path, help="with --wait: where the results go")
        submit.add_argument("--webhook", default="", metavar="URL", help="told when it has ended")
        submit.add_argument("--email", action="store_true", help="mail its owner when it has ended")
        submit.add_argument("--template", default="", help="a table's prompt: {column} stands for a cell")
        submit.add_argument("--system-prompt", default="", help="what goes before each of a table's prompts")
        submit.add_argument("--model", default="", help="of a table's requests")
        submit.add_argument("--max-tokens", type=int, help="of each answer to a table's prompts")
        submit.add_argument("--id-column", default="", help="the table's column that names the rows")
        for name in ("status", *ACTS):
            actions.add_parser(name).add_argument("id", help="batch_…")

    def handle(self, *args: object, action: str, **options: Any) -> None:
        try:
            if action == "submit":
                self._submit(options)
                return
            job = self._find(options["id"])
            self._describe(ACTS[action](user=job.user, job_id=job.id) if action in ACTS else job)
        except ServiceError as error:
            raise CommandError(error.message) from error
        finally:
            flush_queue(FAREWELL_S)

    def _submit(self, options: dict[str, Any]) -> None:
        path, user = options["file"], _find_user(options["user"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        with path.open("rb") as file:
            stored = store_file(user=user, purpose="batch", file=File(file), filename=path.name)
        if is_table(stored):
            stored = _map(user, stored, options)
        end = {"webhook_url": options["webhook"], "notify_email": options["email"]}
        job = submit_file(user=user, file=stored, **end)
        self.stdout.write(f"batch_{job.id.hex}")
        if options["wait"]:
            self._wait(job, options["output"])

    def _wait(self, job: BatchJob, output: Path | None) -> None:
        with tqdm(unit="lines", file=sys.stderr, dynamic_ncols=True) as bar:
            while job.is_unfinished:
                time.sleep(LOOK_S)
                job.refresh_from_db()
                bar.total, bar.n = job.total, job.completed + job.failed
                bar.set_postfix(status=job.status, failed=job.failed, refresh=False)
                bar.refresh()
        self._describe(job)
        if output is not None and job.output_file is not None:
            with job.output_file.content.open("rb") as source, output.open("wb") as target:
                for piece in source.chunks():
                    target.write(piece)
        if job.status == BatchStatus.FAILED:
            raise CommandError("The file was refused: mend what is named above, and submit it again.")
        if job.status != BatchStatus.COMPLETED or job.failed:
            raise CommandError(f"{job.total - job.completed} of {job.total} lines have no result.")

    def _find(self, given: str) -> BatchJob:
        try:
            job_id = UUID(given.removeprefix("batch_"))
        except ValueError:
            raise CommandError(f"{given} is no batch's id.") from None
        job = BatchJob.objects.filter(id=job_id).select_related("user").first()
        if job is None or find_batch(user=job.user, job_id=job_id) is None:
            raise CommandError(f"There is no batch {given}.")
        return job

    def _describe(self, job: BatchJob) -> None:
        state = f"{job.status}, paused" if job.is_paused and job.is_unfinished else job.status
        counts = f"{job.completed} of {job.total} lines, {job.failed} failed"
        tokens = f"{job.prompt_tokens} + {job.completion_tokens} tokens"
        self.stdout.write(f"batch_{job.id.hex}  {state}  {counts}  {tokens}")
        for error in job.shown_errors[:SHOWN_ERRORS]:
            where = f"line {error['line']}: " if error["line"] else ""
            self.stdout.write(f"  {where}{error['message']}")
        for kind in count_errors(job):
            self.stdout.write(f"  {kind.lines} lines: {kind.code}: {kind.message}")


def _find_user(name: str | None) -> User:
    users = User.objects.filter(is_active=True).order_by("-is_superuser", "date_joined")
    user = users.filter(username=name).first() if name else users.first()
    if user is None:
        raise CommandError(f"There is no user named {name!r}." if name else "There is no user yet.")
    return user


def _map(user: User, table: StoredFile, options: dict[str, Any]) -> StoredFile:
    try:
        if not options["template"] or not options["model"]:
            raise CommandError("A table needs --template and --model.")
        names = ("template", "system_prompt", "model", "id_column", "max_tokens")
        mapping = Mapping(**{name: options[name] for name in names})
        return make_requests(user=user, file=table, mapping=mapping)
    finally:
        delete_file(user=user, file_id=table.id)
