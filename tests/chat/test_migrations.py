"""Migrations go forwards and back, say what the models say, and know the databases from before the squash."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from chat.models import AuditEntry
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
