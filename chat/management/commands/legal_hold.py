"""`manage.py legal_hold`: keep what is somebody's, or a session, from being deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.models import ChatSession, LegalHold, User
from chat.services.errors import ServiceError
from chat.services.holds import lift_hold, place_hold


class Command(BaseCommand):
    """`legal_hold place --user U | --session ID --reason R`, `legal_hold list`, `legal_hold lift ID`"""

    help = "Keep a user's messages, or a session, from being deleted."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        place = actions.add_parser("place", help="from now on nothing of it is deleted")
        whose = place.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user")
        whose.add_argument("--session", type=UUID)
        place.add_argument("--reason", required=True)
        actions.add_parser("list", help="what is held")
        lift = actions.add_parser("lift", help="it may be deleted again")
        lift.add_argument("id", type=UUID)

    def handle(self, *args: object, action: str, **options: Any) -> None:
        try:
            if action == "place":
                self._place(**options)
            elif action == "lift":
                lift_hold(hold_id=options["id"])
                self.stdout.write("It may be deleted again.")
            else:
                self._list()
        except User.DoesNotExist as error:
            raise CommandError(f"There is no user named {options['user']}.") from error
        except ChatSession.DoesNotExist as error:
            raise CommandError(f"There is no session {options['session']}.") from error
        except ServiceError as error:
            raise CommandError(error.message) from error

    def _place(self, *, reason: str, user: str | None, session: UUID | None, **_: object) -> None:
        hold = place_hold(
            user=User.objects.get(username=user) if user else None,
            session=ChatSession.objects.get(id=session) if session else None,
            reason=reason,
        )
        self.stdout.write(f"{hold.id}: {hold}")

    def _list(self) -> None:
        for hold in LegalHold.objects.all():
            self.stdout.write(f"{hold.id}: {hold}, since {hold.created_at:%Y-%m-%d}: {hold.reason}")
