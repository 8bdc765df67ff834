"""`manage.py audit`: the audit log from the shell."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.selectors.audit import export_log, verify_log


class Command(BaseCommand):
    """`audit verify` · `audit export`"""

    help = "Check the audit log's hash chain, or print the log."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="do", required=True)
        actions.add_parser("verify", help="non-zero and the first broken entry when tampered with")
        actions.add_parser("export", help="one JSON object a line, oldest first, with the hashes")

    def handle(self, *args: object, do: str, **options: Any) -> None:
        if do == "export":
            for entry in export_log():
                self.stdout.write(json.dumps(entry, ensure_ascii=False))
            return
        verdict = verify_log()
        if verdict.broken is not None:
            raise CommandError(
                f"The audit log is broken at entry {verdict.broken}: {verdict.reason}."
                f" The {verdict.count} before it are whole."
            )
        self.stdout.write(
            f"The audit log is whole: {verdict.count} entries, the last with hash {verdict.hash}."
        )
