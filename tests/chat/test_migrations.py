"""Migrations go forwards and back, and say what the models say."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from tests.support.factories import make_generation


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


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())
