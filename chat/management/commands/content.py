"""`manage.py content`: the keys under which the database keeps what people and models said."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.sealed import KEY_BYTES, Unreadable
from chat.services.content_keys import rotate_keys, unseal_everything
from chat.services.errors import ServiceError


class Command(BaseCommand):
    """`content new_key` · `content rotate_keys` · `content unseal`"""

    help = "Make a key for CONTENT_KEYS, seal everything with the first one, or write it in the clear again."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("new_key", help="print a new key")
        actions.add_parser("rotate_keys", help="seal everything with the first of CONTENT_KEYS")
        actions.add_parser("unseal", help="write everything in the clear; stop web and workers first")

    def handle(self, *args: object, action: str, **options: object) -> None:
        if action == "new_key":
            self.stdout.write(urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())
            return
        try:
            if action == "rotate_keys":
                self.stdout.write(f"{rotate_keys()} rows are sealed with the first of CONTENT_KEYS.")
            else:
                self.stdout.write(f"{unseal_everything()} rows are in the clear: take CONTENT_KEYS away now.")
        except (ServiceError, Unreadable) as error:
            raise CommandError(str(error)) from error
