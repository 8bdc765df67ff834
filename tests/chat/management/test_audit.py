from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat.audit_guard import drop_guard
from chat.models import AuditEntry
from chat.services.audit import record

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit", *arguments, stdout=out)
    return out.getvalue()


def test_an_empty_log_is_whole() -> None:
    assert "whole: 0 entries" in run("verify")


def test_a_broken_log_names_the_first_broken_entry() -> None:
    for action in ("one", "two", "three"):
        record(actor=None, action=action)
    assert "3 entries" in run("verify")
    drop_guard(connection)
    AuditEntry.objects.filter(number=2).update(action="other")
    with pytest.raises(CommandError, match="broken at entry 2: it says something else"):
        run("verify")


def test_the_export_is_a_json_object_a_line() -> None:
    record(actor=None, action="one", details={"word": "Größe"})
    record(actor=None, action="two")
    lines = [json.loads(line) for line in run("export").splitlines()]
    assert [line["action"] for line in lines] == ["one", "two"]
    assert json.loads(lines[0]["details"]) == {"word": "Größe"}
