"""`manage.py count_usage`: the hours that are over, for the charts. Workers start it by themselves."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser

from chat.services.chores import finish_chore
from chat.services.usage import count_usage
from chatproject.local.processes import step_back


class Command(BaseCommand):
    """Again is harmless."""

    help = "Count what was used in the hours that are over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scheduled", action="store_true", help="as workers start it")

    def handle(self, *args: object, scheduled: bool, **options: object) -> None:
        if scheduled:
            step_back()
        said = f"{count_usage()} rows of hours were counted."
        if scheduled:
            finish_chore(name="count_usage", detail=said)
        self.stdout.write(said)
