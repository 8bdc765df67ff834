"""`manage.py api_key`: keys for programs, from the shell."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.models import User
from chat.services.accounts import create_api_key


class Command(BaseCommand):
    """`api_key create --user U [--name N]`: the key is alone on the last line, and shown only here."""

    help = "Create API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a key and print it once")
        create.add_argument("--user", required=True, help="the user the key acts for")
        create.add_argument("--name", default="", help="what the key is for")

    def handle(self, *args: object, user: str, name: str, **options: object) -> None:
        owner = User.objects.filter(username=user).first()
        if owner is None:
            raise CommandError(f"There is no user named {user}.")
        key, secret = create_api_key(user=owner, name=name)
        self.stdout.write(f"Key {key.name!r} of {owner.username}; it is not shown again:")
        self.stdout.write(secret)
