"""`manage.py user`: accounts from the shell."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from chat.models import Suspension, User
from chat.services.accounts import (
    ROLES,
    change_role,
    create_user,
    invite_people,
)
from chat.services.errors import ServiceError
from chat.services.moderation.keeping_out import keep_out, let_in
from chat.services.standing import describe_suspension


class Command(BaseCommand):
    """`user create NAME --password P` · `role NAME R` · `suspend NAME --reason R` · `unsuspend NAME`"""

    help = "Create accounts, give them roles, keep people out and let them in again."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create an account")
        create.add_argument("name")
        create.add_argument("--password", required=True)
        create.add_argument("--role", choices=ROLES, default="user")
        role = actions.add_parser("role", help="approve somebody, or make them staff")
        role.add_argument("name")
        role.add_argument("role", choices=ROLES)
        suspend = actions.add_parser("suspend", help="keep somebody out and stop their work at once")
        suspend.add_argument("name")
        suspend.add_argument("--reason", required=True, help="what the person reads")
        suspend.add_argument("--until", help="a date or a time, such as 2027-01-31 or 2027-01-31T18:00+01:00")
        suspend.add_argument("--ban", action="store_true", help="for good, and cancel their batch jobs")
        invite = actions.add_parser(
            "invite", help="a link to sign up with, shown only here (SIGNUP_MODE=invite)"
        )
        invite.add_argument("--uses", type=int, default=1)
        invite.add_argument("--days", type=int, default=7)
        invite.add_argument("--note", default="")
        unsuspend = actions.add_parser("unsuspend", help="let somebody in again")
        unsuspend.add_argument("name")

    def handle(self, *args: object, action: str, **options: object) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except ServiceError as error:
            raise CommandError(error.message) from error

    def _create(self, *, name: str, password: str, role: str, **options: object) -> None:
        user = create_user(username=name, password=password, role=role)
        self.stdout.write(f"Created {role} {user.username}.")

    def _role(self, *, name: str, role: str, **options: object) -> None:
        change_role(user=_find_user(name), role=role, by=None)
        self.stdout.write(f"{name} is a {role} now.")

    def _suspend(self, *, name: str, reason: str, until: str | None, ban: bool, **options: object) -> None:
        user = _find_user(name)
        kind = Suspension.BANNED if ban else Suspension.SUSPENDED
        keep_out(user=user, reason=reason, until=_read_time(until) if until else None, kind=kind)
        self.stdout.write(f"{name} will read: {describe_suspension(user)}")

    def _invite(self, *, uses: int, days: int, note: str, **options: object) -> None:
        token = invite_people(uses=uses, days=days, note=note)
        self.stdout.write(f"Good for {uses} accounts within {days} days, after this server's address:")
        self.stdout.write(reverse("join", args=[token]))

    def _unsuspend(self, *, name: str, **options: object) -> None:
        let_in(user=_find_user(name))
        self.stdout.write(f"{name} may log in again.")


def _find_user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user named {name}.")
    return found


def _read_time(given: str) -> datetime:
    """A day ends with its last second; a time without a zone is the server's."""
    try:
        day = parse_date(given)
        time = datetime(day.year, day.month, day.day, 23, 59, 59) if day else parse_datetime(given)  # noqa: DTZ001
    except ValueError:
        time = None
    if time is None:
        raise CommandError(f"--until must be a date or a time such as 2027-01-31T18:00, not {given!r}.")
    return timezone.make_aware(time) if timezone.is_naive(time) else time
