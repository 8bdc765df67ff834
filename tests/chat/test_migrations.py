"""Migrations go forwards and back, say what the models say, and know the databases from before the squash."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from chat.models import AuditEntry, Case, User
from chat.selectors.search import Filters, search_messages
from chatproject.local import prepare
from chatproject.local.checks import CannotStart
from tests.support.factories import make_generation, make_message, make_session

SQUASH = ("chat", "0036_squashed")


def tables() -> set[str]:
    return {name for name in connection.introspection.table_names() if name.startswith("chat_")}


@pytest.mark.services  # for its time: it runs on both databases, but not in the fast round
@pytest.mark.django_db(transaction=True)
def test_back_to_nothing_and_forwards_again() -> None:
    before = tables()
    assert "chat_generation" in before
    # The console's log has a foreign key to our users: it goes first, and comes back last.
    try:
        for app in ("admin", "chat"):
            call_command("migrate", app, "zero", verbosity=0)
        assert tables() == set()
    finally:
        call_command("migrate", verbosity=0)
    assert tables() == before
    make_generation()
    session = make_session()
    make_message(session, "oyster")
    assert search_messages(user=session.owner, query="oyster", filters=Filters()).total_count == 1
    AuditEntry.objects.bulk_create([AuditEntry(number=1, at=session.created_at, hash="a", previous_hash="b")])
    with pytest.raises(IntegrityError, match="append-only"):
        AuditEntry.objects.all()._raw_delete(connection.alias)


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


def as_before_the_squash(*, lacks: int) -> None:
    """Forget the squash, of which Django records each step as well, and the last `lacks` steps."""
    recorder = MigrationRecorder(connection)
    steps = MigrationExecutor(connection).loader.replacements[SQUASH].replaces
    for app, name in (SQUASH, *steps[len(steps) - lacks :]):
        recorder.record_unapplied(app, name)


@pytest.mark.django_db
def test_a_database_from_before_the_squash_counts_as_migrated() -> None:
    as_before_the_squash(lacks=0)
    assert prepare.migrate() is False
    call_command("migrate", skip_checks=False, verbosity=0)
    assert SQUASH in MigrationRecorder(connection).applied_migrations()


@pytest.mark.django_db
def test_a_database_half_way_is_refused_in_one_line() -> None:
    as_before_the_squash(lacks=1)
    with pytest.raises(CannotStart, match="half-way between migrations 0001 and 0035 of chat"):
        prepare.migrate()
    with pytest.raises(CommandError, match="half-way between migrations 0001 and 0035 of chat"):
        call_command("migrate", skip_checks=False, verbosity=0)


@pytest.mark.services  # for its time
@pytest.mark.django_db(transaction=True)
def test_which_decisions_stand_is_found_out() -> None:
    call_command("migrate", "chat", "0045", verbosity=0)
    apps = MigrationExecutor(connection).loader.project_state([("chat", "0045_newest_messages")]).apps
    user_model, case_model = apps.get_model("chat", "User"), apps.get_model("chat", "Case")
    mo, out, back, again = (
        user_model.objects.create(username=name) for name in ("mo", "out", "back", "again")
    )
    now = timezone.now()
    until = now + timedelta(days=7)
    for user in (out, again):
        user_model.objects.filter(id=user.id).update(
            suspension="banned", suspension_reason="Threats.", suspended_by=mo
        )

    def decided(subject: Any, decision: str, reason: str, days_ago: int) -> Any:
        at = now - timedelta(days=days_ago)
        case = case_model.objects.create(
            subject=subject,
            source="moderator",
            severity=3,
            status="decided",
            decision=decision,
            reason=reason,
            decided_by=mo,
            decided_at=at,
        )
        told = {"until": until.isoformat() if decision == "suspend" else None}
        case.events.create(kind="decided", details=told)
        apps.get_model("chat", "Notice").objects.create(
            user=subject, case=case, title="x", is_appealable=True
        )
        return case

    earlier, newest = decided(out, "suspend", "Spam.", 2), decided(out, "ban", "Threats.", 1)
    lifted = decided(back, "suspend", "Spam.", 2)
    before, after = decided(again, "suspend", "Spam.", 3), decided(again, "ban", "Threats.", 1)
    apps.get_model("chat", "AuditEntry").objects.create(
        number=1, at=now - timedelta(days=2), action="user.unsuspended", subject_id=str(again.id)
    )
    call_command("migrate", verbosity=0)
    cases = {case.id: case for case in Case.objects.all()}
    assert set(User.objects.values_list("username", "suspension_case")) == {
        *(("mo", None), ("back", None), ("out", newest.id), ("again", after.id)),
    }
    assert [cases[case.id].until for case in (earlier, newest)] == [until, None]
    assert {case.id for case in cases.values() if case.lifted_at is None} == {earlier.id, newest.id, after.id}
    assert cases[before.id].lifted_at == now - timedelta(days=2)
    assert cases[lifted.id].lifted_at is not None
