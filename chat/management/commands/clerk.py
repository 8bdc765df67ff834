"""`manage.py clerk`: what workers start to validate or finalise a batch job."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from workers.clerk import run_clerk


class Command(BaseCommand):
    """Holds the job by its attempt, does what it needs, and takes what else waits."""

    requires_system_checks: list[str] = []  # they would load every page, which takes a second and 30 MB
    help = "Validate or finalise a batch job. Workers start this by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", type=UUID)
        parser.add_argument("attempt", type=int)

    def handle(self, *args: object, job: UUID, attempt: int, **options: object) -> None:
        run_clerk(job, attempt)
