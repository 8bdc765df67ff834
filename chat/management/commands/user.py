"""`manage.py user`: accounts from the shell."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.services.accounts import ROLES, create_user
from chat.services.errors import ServiceError


class Command(BaseCommand):
    """`user create NAME --password P [--role R]`"""

    help = "Create accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create an account")
        create.add_argument("name")
        create.add_argument("--password", required=True)
        create.add_argument("--role", choices=ROLES, default="user")

    def handle(self, *args: object, name: str, password: str, role: str, **options: object) -> None:
        try:
            user = create_user(username=name, password=password, role=role)
        except ServiceError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Created {role} {user.username}.")
