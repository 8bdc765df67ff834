from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chat.management.commands.protocol_types import typescript
from chat.models import User
from chat.services.accounts import find_api_key
from tests.support.factories import make_user


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


class TestProtocolTypes:
    def test_the_browser_s_types_are_up_to_date(self) -> None:
        call_command("protocol_types", "--check")

    def test_drift_is_an_error(self, tmp_path: Path) -> None:
        target = tmp_path / "new" / "protocol.ts"
        with pytest.raises(CommandError, match="out of date"):
            run("protocol_types", "--check", "--output", str(target))
        run("protocol_types", "--output", str(target))
        run("protocol_types", "--check", "--output", str(target))
        target.write_text(target.read_text() + "// changed\n")
        with pytest.raises(CommandError, match=r"protocol\.ts is out of date"):
            run("protocol_types", "--check", "--output", str(target))

    def test_commands_may_leave_out_what_has_a_default_and_events_leave_out_nothing(self) -> None:
        types = typescript()
        assert 'export interface SendMessage {\n  type: "send_message";\n  content: string;\n' in types
        assert "  request_id?: string | null;" in types
        assert "  field: string | null;" in types
        assert "  active_generations: ActiveGeneration[];" in types
        assert "  reactions: Record<string, number>;" in types
        assert '"TOO_SLOW": 4408' in types
        assert "interface Doorbell" not in types


@pytest.mark.django_db
class TestAccounts:
    def test_a_user_is_created(self) -> None:
        assert "ann" in run("user", "create", "ann", "--password", "secret", "--role", "administrator")
        user = User.objects.get()
        assert (user.username, user.is_superuser, user.check_password("secret")) == ("ann", True, True)
        with pytest.raises(CommandError, match="already a user named ann"):
            run("user", "create", "ann", "--password", "secret")

    def test_people_are_approved_suspended_and_let_in_again(self) -> None:
        run("user", "create", "ann", "--password", "secret", "--role", "pending")
        run("user", "role", "ann", "moderator")
        assert User.objects.get().has_perm("chat.decide_cases")
        told = run("user", "suspend", "ann", "--reason", "Spam", "--until", "2099-01-31")
        assert "suspended until 31 January 2099, 23:59 UTC: Spam." in told
        assert User.objects.get().is_suspended
        assert "banned" in run("user", "suspend", "ann", "--reason", "Spam", "--ban")
        run("user", "unsuspend", "ann")
        assert User.objects.get().may_log_in
        for until in ("tomorrow", "2099-02-30", "2001-01-01T10:00"):
            with pytest.raises(CommandError, match="until"):
                run("user", "suspend", "ann", "--reason", "Spam", "--until", until)
        with pytest.raises(CommandError, match="no user named bob"):
            run("user", "unsuspend", "bob")

    def test_a_key_is_alone_on_the_last_line(self) -> None:
        user = make_user()
        *_, last = run("api_key", "create", "--user", user.username, "--name", "robot").splitlines()
        key = find_api_key(secret=last)
        assert key is not None
        assert (key.user, key.expires_at) == (user, None)

    def test_keys_are_listed_and_revoked(self) -> None:
        user = make_user()
        options = ("--scope", "chat:read", "--days", "7", "--per-minute", "60")
        *_, secret = run("api_key", "create", "--user", user.username, *options).splitlines()
        key = find_api_key(secret=secret)
        assert key is not None
        assert key.expires_at is not None
        assert key.requests_per_minute == 60
        listed = run("api_key", "list", "--user", user.username)
        assert (secret[:12] in listed, secret in listed, "valid" in listed) == (True, False, True)
        run("api_key", "revoke", secret[:12])
        assert "ended" in run("api_key", "list", "--user", user.username)
        assert find_api_key(secret=secret) is None
        for wrong in (("revoke", "pk_unheardof"), ("create", "--user", user.username, "--days", "0")):
            with pytest.raises(CommandError):
                run("api_key", *wrong)

    def test_a_service_gets_its_scope(self) -> None:
        user = make_user()
        *_, last = run("api_key", "create", "--user", user.username, "--scope", "messages:write").splitlines()
        key = find_api_key(secret=last)
        assert key is not None
        assert key.scopes == ["messages:write"]
        with pytest.raises(CommandError):
            run("api_key", "create", "--user", user.username, "--scope", "everything")

    def test_a_key_needs_a_user(self) -> None:
        with pytest.raises(CommandError, match="no user named nobody"):
            run("api_key", "create", "--user", "nobody")
