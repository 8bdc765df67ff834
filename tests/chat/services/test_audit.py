from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from chat.audit_guard import create_guard, drop_guard
from chat.models import AuditEntry, AuditHead
from chat.selectors.audit import export_log, verify_log
from chat.services.audit import record
from tests.support.factories import make_user

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def tamper(**changes: Any) -> None:
    """Change entry 2 as somebody who may alter the schema could."""
    drop_guard(connection)
    try:
        AuditEntry.objects.filter(number=2).update(**changes)
    finally:
        create_guard(connection)


@pytest.fixture
def three(db: None) -> None:
    """A log of three entries."""
    for action in ("first", "second", "third"):
        record(actor=None, action=action)


@pytest.mark.django_db
def test_an_entry_tells_who_did_what_to_what() -> None:
    moderator, somebody = make_user(username="mod"), make_user()
    entry = record(actor=moderator, action="user.suspend", subject=somebody, details={"reason": "spam"})
    entry.refresh_from_db()
    assert (entry.number, entry.actor_name, entry.actor_id) == (1, "mod", moderator.id)
    assert (entry.subject_type, entry.subject_id) == ("user", str(somebody.id))
    assert entry.data == {"reason": "spam"}


@pytest.mark.django_db
def test_an_entry_goes_with_its_transaction() -> None:
    with transaction.atomic():
        record(actor=None, action="undone")
        transaction.set_rollback(True)
    assert record(actor=None, action="done").number == 1
    assert verify_log().count == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE chat_auditentry SET action = 'x'", "DELETE FROM chat_auditentry"]
)
def test_the_database_refuses_changes(three: None, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert verify_log().broken is None


def test_a_whole_log_is_whole(three: None) -> None:
    verdict = verify_log()
    assert (verdict.count, verdict.broken) == (3, None)
    assert verdict.hash == AuditHead.objects.get().hash


@pytest.mark.parametrize(
    "changes",
    [{"action": "other"}, {"details": '{"a": 1}'}, {"actor_name": "mallory"}, {"hash": "1" * 64}],
    ids=["action", "details", "actor", "hash"],
)
def test_a_changed_entry_is_named(three: None, changes: dict[str, str]) -> None:
    tamper(**changes)
    assert verify_log().broken == 2


def test_an_entry_computed_anew_breaks_the_next(three: None) -> None:
    entry = AuditEntry.objects.get(number=2)
    entry.action = "other"
    tamper(action="other", hash=entry.compute_hash())
    assert verify_log().broken == 3


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_deleted_entry_is_named(three: None, number: int) -> None:
    drop_guard(connection)
    AuditEntry.objects.filter(number=number).delete()
    create_guard(connection)
    assert verify_log().broken == number


def test_an_entry_behind_the_head_is_named(three: None) -> None:
    last = AuditEntry.objects.get(number=3)
    forged = AuditEntry(number=4, at=last.at, action="forged", previous_hash=last.hash)
    forged.hash = forged.compute_hash()
    forged.save(force_insert=True)
    assert verify_log().broken == 4


def test_the_export_has_every_entry_and_its_hashes(three: None) -> None:
    entries = list(export_log())
    assert [entry["action"] for entry in entries] == ["first", "second", "third"]
    assert [entry["previous_hash"] for entry in entries[1:]] == [entry["hash"] for entry in entries[:-1]]


class AnyDetails(TestCase):
    """Whatever is recorded is found unchanged."""

    @settings(max_examples=40, deadline=None)
    @given(details=st.dictionaries(st.text(), Json, max_size=3))
    def test_details_survive_the_database(self, details: dict[str, Any]) -> None:
        entry = record(actor=None, action="any", details=details)
        entry.refresh_from_db()
        assert entry.data == details
        assert verify_log().broken is None


@pytest.mark.django_db(transaction=True)
def test_entries_of_many_at_once_have_no_gaps() -> None:
    def write(writer: int) -> None:
        try:
            for turn in range(5):
                record(actor=None, action="busy", details={"writer": writer, "turn": turn})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    verdict = verify_log()
    assert (verdict.count, verdict.broken) == (20, None)
