"""Migrations go both ways, on whichever database is configured."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from chat.selectors.search import Filters, search_messages
from tests.support.factories import make_message, make_session


@pytest.mark.services  # for its time: it runs on both databases, but not in the fast round
@pytest.mark.django_db(transaction=True)
def test_back_to_the_first_and_forth_again() -> None:
    session = make_session()
    make_message(session, "oyster")
    latest = [name for app, name in MigrationRecorder(connection).applied_migrations() if app == "chat"]
    try:
        call_command("migrate", "chat", "0001", verbosity=0)
        tables = set(connection.introspection.table_names())
        assert not {name for name in tables if name.startswith("chat_message_search")}
        assert "chat_invitation" not in tables
    finally:
        call_command("migrate", "chat", max(latest), verbosity=0)
    found = search_messages(user=session.owner, query="oyster", filters=Filters())
    assert found.total_count == 1
