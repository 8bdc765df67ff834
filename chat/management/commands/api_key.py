"""`manage.py api_key`: keys for programs, from the shell."""

from __future__ import annotations

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chat.models import ApiKey, User
from chat.selectors.accounts import list_api_keys
from chat.services.accounts import create_api_key, revoke_api_key
from chat.services.scopes import SCOPES


class Command(BaseCommand):
    """`api_key create --user U`: the key is alone on the last line, and shown only here."""

    help = "Create, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a key and print it once")
        create.add_argument("--user", required=True, help="the user the key acts for")
        create.add_argument("--name", default="", help="what the key is for")
        create.add_argument("--days", type=int, help="days until it expires; without, it does not")
        create.add_argument(
            "--per-minute", type=int, help="requests a minute; without, its user's limit alone"
        )
        create.add_argument(
            "--scope",
            action="append",
            default=[],
            dest="scopes",
            choices=sorted(SCOPES),
            help="chat:read, chat:write and openai limit the key; messages:write adds a service's rights",
        )
        list_ = actions.add_parser("list", help="the keys of a user")
        list_.add_argument("--user", required=True)
        revoke = actions.add_parser("revoke", help="end a key")
        revoke.add_argument("prefix", help="how the key begins, as `list` shows it")

    def handle(self, *args: object, action: str, **options: object) -> None:
        getattr(self, f"_{action}")(**options)

    def _create(
        self,
        *,
        user: str,
        name: str,
        days: int | None,
        per_minute: int | None,
        scopes: list[str],
        **options: object,
    ) -> None:
        owner = self._find_user(user)
        if any(number is not None and number < 1 for number in (days, per_minute)):
            raise CommandError("--days and --per-minute must be at least 1.")
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        key, secret = create_api_key(
            user=owner, name=name, scopes=scopes, expires_at=expires_at, requests_per_minute=per_minute
        )
        self.stdout.write(f"Key {key.name!r} of {owner.username}; it is not shown again:")
        self.stdout.write(secret)

    def _list(self, *, user: str, **options: object) -> None:
        for key in list_api_keys(self._find_user(user)):
            state = "valid" if key.is_valid else "ended"
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            self.stdout.write(f"{key.prefix}  {state}  {used:<16}  {' '.join(key.scopes) or '-'}  {key.name}")

    def _revoke(self, *, prefix: str, **options: object) -> None:
        key = ApiKey.objects.filter(prefix=prefix[:12]).first()
        if key is None:
            raise CommandError(f"There is no key that begins with {prefix[:12]}.")
        revoke_api_key(key=key)
        self.stdout.write(f"Key {key.name!r} logs nobody in any more.")

    def _find_user(self, name: str) -> User:
        found = User.objects.filter(username=name).first()
        if found is None:
            raise CommandError(f"There is no user named {name}.")
        return found
