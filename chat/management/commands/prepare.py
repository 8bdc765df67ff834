"""`manage.py prepare`: what a deployment of several machines does once per release, before it starts."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from chatproject.local import checks, prepare


class Command(BaseCommand):
    """The same steps as `manage.py up` takes before it starts anything."""

    help = "Migrate, collect static files, create the first administrator and register the default model."
    requires_system_checks = []

    def handle(self, *args: object, **options: object) -> None:
        checks.require_database()
        prepare.prepare(say=self.stdout.write, with_model=True)
