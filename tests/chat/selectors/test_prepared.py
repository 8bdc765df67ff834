"""Queries that are written once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet

from chat.models import ChatSession
from chat.selectors.prepared import Prepared
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db


def counted() -> tuple[Prepared, list[tuple[str, ...]]]:
    """A query for sessions by title, and with what it was built."""
    built: list[tuple[str, ...]] = []

    @Prepared
    def titled(titles: tuple[str, ...]) -> QuerySet[ChatSession, Any]:
        built.append(titles)
        found = ChatSession.objects.filter(title__in=titles).order_by("title")
        return found.values_list("id", "title", "tags", "is_active")

    return titled, built


def test_rows_are_as_the_orm_reads_them() -> None:
    sessions = [make_session(title="a", tags=["x"]), make_session(title="b", is_active=False)]
    titled, _ = counted()
    assert titled.rows(("a", "b")) == [(row.id, row.title, row.tags, row.is_active) for row in sessions]


def test_it_is_built_once_and_asked_each_time() -> None:
    titled, built = counted()
    assert titled.rows(("a",)) == []
    session = make_session(title="a")
    assert [row[0] for row in titled.rows(("a",))] == [session.id]
    assert titled.rows(("c",)) == []
    assert built == [("a",), ("c",)]


def test_among_no_values_there_is_nothing() -> None:
    make_session(title="a")
    assert counted()[0].rows(()) == []
