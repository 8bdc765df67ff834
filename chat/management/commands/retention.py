"""`manage.py retention`: delete what was kept long enough."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser

from chat.services.chores import finish_chore
from chat.services.retention import Disposal, dispose, plan_disposal
from chatproject.local.processes import step_back


class Command(BaseCommand):
    """By RETENTION_DAYS and the sessions' own days. Workers run it every day by themselves."""

    help = "Delete messages that are older than their retention, unless they are held."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
        parser.add_argument("--scheduled", action="store_true", help="as workers start it")

    def handle(self, *args: object, dry_run: bool, scheduled: bool, **options: object) -> None:
        if dry_run:
            self.stdout.write(f"Would delete {_describe(plan_disposal())}")
            return
        if scheduled:
            step_back()
        said = f"Deleted {_describe(dispose())}"
        if scheduled:
            finish_chore(name="retention", detail=said)
        self.stdout.write(said)


def _describe(disposal: Disposal) -> str:
    return (
        f"{disposal.messages} messages, {disposal.files} files and {disposal.sessions} empty sessions, "
        f"and the words of {disposal.cases} closed cases; "
        f"{disposal.held} messages are held."
    )
